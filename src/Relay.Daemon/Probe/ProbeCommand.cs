using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Relay.Daemon.Configuration;
using Relay.Telemetry;
using static Relay.Daemon.CommandResult;

namespace Relay.Daemon.Probe;

/// <summary>`relay probe`: is a server an open relay? Exit status: 0 it isn't, 1 it is or has another hole (or what was given is wrong), 2 it couldn't be found out.</summary>
internal static class ProbeCommand
{
    private const int SmtpPort = 25;
    private const int SmtpsPort = 465;

    public static Command Create(TimeProvider time)
    {
        var host = new Argument<string>("HOST[:PORT]") { Description = "The server: a name or an address ([ADDRESS]:PORT for IPv6). Port 25, or 465 with --tls implicit." };
        var from = new Option<string>("--from") { Description = "The sender.", HelpName = "ADDRESS", DefaultValueFactory = static _ => "relay-probe@example.com" };
        var to = new Option<string>("--to") { Description = "A mailbox that the server has nothing to do with. One of your own elsewhere tells more than the default, whose domain takes no mail and may be refused for that.", HelpName = "ADDRESS", DefaultValueFactory = static _ => "relay-probe@example.org" };
        var domain = new Option<string?>("--domain") { Description = "A domain that the server takes mail for; without it, the name in its greeting, or its address.", HelpName = "DOMAIN" };
        var tls = new Option<string>("--tls") { Description = "none, starttls or implicit: how the tricks are spoken.", DefaultValueFactory = static _ => "none" };
        tls.AcceptOnlyFromAmong("none", "starttls", "implicit");
        var endOfData = new Option<string?>("--end-of-data") { Description = "A mailbox that the server delivers to: it gets messages with look-alikes of the end of data. Without it no message is sent.", HelpName = "ADDRESS" };
        var timeout = new Option<string>("--timeout") { Description = "How long each step may take.", HelpName = "DURATION", DefaultValueFactory = static _ => "10s" };
        var pause = new Option<string>("--pause") { Description = "How long to wait before each further connection.", HelpName = "DURATION", DefaultValueFactory = static _ => "200ms" };
        var json = new Option<bool>("--json") { Description = "Prints the report as JSON." };
        var probe = new Command("probe", "Tries on a server that is yours whether it is an open relay, by all known tricks, without sending mail; and looks at its TLS, AUTH, VRFY and EXPN.")
        {
            host, from, to, domain, tls, endOfData, timeout, pause, json,
        };
        probe.SetAction((parsed, stop) =>
        {
            ProbeTls spoken = parsed.GetValue(tls) switch { "starttls" => ProbeTls.StartTls, "implicit" => ProbeTls.Implicit, _ => ProbeTls.None };
            string name = "";
            int port = 0;
            TimeSpan step = default, between = default;
            // Mailboxes are checked and sent as they were written: case may matter to the left of the @.
            if ((ParseHost(parsed.GetValue(host)!, spoken == ProbeTls.Implicit ? SmtpsPort : SmtpPort, out name, out port)
                ?? ParseMailbox(parsed.GetValue(from)) ?? ParseMailbox(parsed.GetValue(to)) ?? ParseMailbox(parsed.GetValue(endOfData))
                ?? (parsed.GetValue(domain) is { } given ? DomainText.Parse(given, false, out _) : null)
                ?? DurationText.Parse(parsed.GetValue(timeout)!, out step) ?? DurationText.Parse(parsed.GetValue(pause)!, out between)
                ?? (step <= TimeSpan.Zero || step > TimeSpan.FromHours(1) || between > TimeSpan.FromHours(1) ? "a step takes from 1ms to 1h, a pause 1h at most" : null)) is { } wrong)
            {
                return Task.FromResult(Fail(Wrong, wrong));
            }

            var options = new ProbeOptions(name, port)
            {
                From = parsed.GetValue(from)!, To = parsed.GetValue(to)!, Domain = parsed.GetValue(domain), EndOfData = parsed.GetValue(endOfData), Tls = spoken, Timeout = step, Pause = between,
            };
            return RunAsync(options, parsed.GetValue(json), time, stop);
        });
        return probe;
    }

    /// <summary>Asks the server everything. Throws IOException or TimeoutException when it can't be reached or spoken to at all.</summary>
    public static async Task<ProbeReport> ProbeAsync(ProbeOptions options, TimeProvider time, CancellationToken stop)
    {
        (ProbeDialer dialer, ProbeConnection first) = await ReachAsync(options, time, stop).ConfigureAwait(false);
        ProbeNames names = new(options, FirstWord(first.Greeting.Text), first.Server, first.Client);
        string greeting = first.Greeting.Words;
        await ProbeDialer.LeaveAsync(first, stop).ConfigureAwait(false);
        IReadOnlyList<ProbeResult> tricks = await new RelayProbe(dialer, names, time).RunAsync(ProbeTricks.All, stop).ConfigureAwait(false);
        IReadOnlyList<ProbeResult> checks = await new ProbeChecks(options, dialer, names, time).RunAsync(stop).ConfigureAwait(false);
        return new ProbeReport(options.Host, dialer.Server.ToString(), options.Port, greeting, names.Domain, tricks, checks);
    }

    private static async Task<int> RunAsync(ProbeOptions options, bool asJson, TimeProvider time, CancellationToken stop)
    {
        try
        {
            ProbeReport report = await ProbeAsync(options, time, stop).ConfigureAwait(false);
            if (asJson)
            {
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(report, ProbeJson.Default.ProbeReport)).ConfigureAwait(false);
            }
            else
            {
                report.Print();
            }

            return report.Status;
        }
        catch (Exception e) when (ProbeDialer.IsTrouble(e))
        {
            return Fail(CouldNotRun, $"{options.Host}:{options.Port.ToString(CultureInfo.InvariantCulture)} can't be probed: {LogText.Clean(e.Message)}");
        }
        catch (OperationCanceledException)
        {
            return Fail(CouldNotRun, "stopped");
        }
    }

    /// <summary>The first of the host's addresses that can be spoken to.</summary>
    private static async Task<(ProbeDialer Dialer, ProbeConnection First)> ReachAsync(ProbeOptions options, TimeProvider time, CancellationToken stop)
    {
        IPAddress[] addresses;
        try
        {
            addresses = await System.Net.Dns.GetHostAddressesAsync(options.Host, stop).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }

        Exception? failure = null;
        foreach (IPAddress address in addresses)
        {
            try
            {
                var dialer = new ProbeDialer(options, address, time);
                return (dialer, await dialer.OpenAsync(null, stop).ConfigureAwait(false));
            }
            catch (Exception e) when (ProbeDialer.IsTrouble(e))
            {
                failure = e;
            }
        }

        throw failure ?? new IOException("it has no address");
    }

    private static string FirstWord(string text) => text.Split(' ')[0];

    private static string? ParseMailbox(string? text) => text is null ? null : DomainText.ParseMailbox(text, out _);

    /// <summary>"name", "name:port", an address, or "[address]:port". Null, or what is wrong.</summary>
    internal static string? ParseHost(string text, int standardPort, out string host, out int port)
    {
        (host, port) = (text, standardPort);
        int colon = text.LastIndexOf(':');
        if (AddressText.TryParse(text, out _) || colon < 0)
        {
            return AddressText.TryParse(text, out _) ? null : DomainText.Parse(text, true, out host);
        }

        if (!AddressText.TryParsePort(text[(colon + 1)..], 1, out port))
        {
            return $"\"{text}\" has no port from 1 to 65535 behind its last colon";
        }

        host = text[..colon];
        if (host is ['[', .., ']'])
        {
            host = host[1..^1];
            return AddressText.TryParse(host, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetworkV6 ? null : $"\"{host}\" is not an IPv6 address";
        }

        return AddressText.TryParse(host, out _) ? null : DomainText.Parse(host, true, out host);
    }
}
