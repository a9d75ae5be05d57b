using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;
using Relay.Telemetry;
using static Relay.Daemon.Probe.ProbeVerdict;

namespace Relay.Daemon.Probe;

/// <summary>What else an administrator wants to know of a server, beside what it relays. Each check has connections of its own, and one that can't be made is a result too. Used once.</summary>
internal sealed class ProbeChecks(ProbeOptions options, ProbeDialer dialer, ProbeNames names, TimeProvider time)
{
    private const string InjectedCommand = "NOOP";

    public async Task<IReadOnlyList<ProbeResult>> RunAsync(CancellationToken stop) =>
    [
        await TryAsync("AUTH in clear", "EHLO", AuthAsync, stop).ConfigureAwait(false),
        .. await TlsAsync(stop).ConfigureAwait(false),
        await TryAsync("VRFY", "VRFY postmaster / VRFY " + names.Expand("{unknown}"), (tried, token) => OracleAsync("VRFY", tried, token), stop).ConfigureAwait(false),
        await TryAsync("EXPN", "EXPN postmaster / EXPN " + names.Expand("{unknown}"), (tried, token) => OracleAsync("EXPN", tried, token), stop).ConfigureAwait(false),
        .. await EndsOfDataAsync(stop).ConfigureAwait(false),
    ];

    private static async Task<ProbeResult> TryAsync(string name, string tried, Func<string, CancellationToken, Task<(ProbeVerdict Verdict, string Answer)>> check, CancellationToken stop)
    {
        try
        {
            (ProbeVerdict verdict, string answer) = await check(tried, stop).ConfigureAwait(false);
            return new ProbeResult(name, tried, verdict, LogText.Clean(answer));
        }
        catch (Exception e) when (ProbeDialer.IsTrouble(e))
        {
            return new ProbeResult(name, tried, Unclear, LogText.Clean(e.Message));
        }
    }

    /// <summary>RFC 4954 §4: PLAIN and LOGIN send the password itself.</summary>
    private async Task<(ProbeVerdict, string)> AuthAsync(string tried, CancellationToken stop)
    {
        if (options.Tls == ProbeTls.Implicit)
        {
            return (Fine, "nothing is said in clear here");
        }

        ProbeConnection connection = await dialer.GreetAsync(null, stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await connection.HelloAsync(stop).ConfigureAwait(false);
            return (connection.Offered.Mechanisms & (SaslMechanisms.Plain | SaslMechanisms.Login)) != 0 ? (Finding, "offered without TLS: passwords can be read on the way")
                : (connection.Offered.Offered & Extensions.Auth) != 0 ? (Note, "offered without TLS, but no mechanism that sends the password itself")
                : (Fine, "not offered without TLS");
        }
    }

    private async Task<IReadOnlyList<ProbeResult>> TlsAsync(CancellationToken stop)
    {
        if (options.Tls != ProbeTls.Implicit)
        {
            ProbeResult offer = await TryAsync("STARTTLS", "EHLO", OfferAsync, stop).ConfigureAwait(false);
            if (offer.Verdict != Fine)
            {
                return [offer];
            }
        }

        var results = new List<ProbeResult>();
        if (options.Tls != ProbeTls.Implicit)
        {
            results.Add(await TryAsync("command behind STARTTLS", $"STARTTLS and {InjectedCommand} in one segment", InjectAsync, stop).ConfigureAwait(false));
        }

        results.Add(await TryAsync("TLSv1.0", "a ClientHello", (_, token) => OldVersionAsync(1, token), stop).ConfigureAwait(false));
        results.Add(await TryAsync("TLSv1.1", "a ClientHello", (_, token) => OldVersionAsync(2, token), stop).ConfigureAwait(false));
        results.Add(await TryAsync("TLSv1.2", "a handshake", (_, token) => VersionAsync(SslProtocols.Tls12, token), stop).ConfigureAwait(false));
        results.Add(await TryAsync("TLSv1.3", "a handshake", (_, token) => VersionAsync(SslProtocols.Tls13, token), stop).ConfigureAwait(false));
        results.Add(await TryAsync("certificate", $"for {options.Host}", CertificateAsync, stop).ConfigureAwait(false));
        return results;
    }

    private async Task<(ProbeVerdict, string)> OfferAsync(string tried, CancellationToken stop)
    {
        ProbeConnection connection = await dialer.GreetAsync(null, stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await connection.HelloAsync(stop).ConfigureAwait(false);
            return connection.Offered.StartTls ? (Fine, "offered") : (Note, "not offered: mail comes in clear");
        }
    }

    /// <summary>
    /// CVE-2011-0411: a command that came in clear behind STARTTLS is answered inside TLS, as if the client had said it there. Counting replies tells it without waiting: behind EHLO and QUIT there is one
    /// too many.
    /// </summary>
    private async Task<(ProbeVerdict, string)> InjectAsync(string tried, CancellationToken stop)
    {
        ProbeConnection connection = await dialer.GreetAsync(null, stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await connection.HelloAsync(stop).ConfigureAwait(false);
            await connection.WriteAsync($"STARTTLS\r\n{InjectedCommand}\r\n", stop).ConfigureAwait(false);
            PeerReply reply = await connection.ReadAsync(stop).ConfigureAwait(false);
            if (!reply.IsPositive)
            {
                return (Fine, reply.Words);
            }

            try
            {
                await dialer.SecureAsync(connection, SslProtocols.None, stop).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                return (Fine, $"no TLS after that: {e.Message}");
            }

            PeerReply first = await connection.CommandAsync($"EHLO {ProbeNames.Literal(connection.Client)}", stop).ConfigureAwait(false);
            PeerReply second = await connection.CommandAsync("QUIT", stop).ConfigureAwait(false);
            if (second.Code != 221 && (await connection.ReadAsync(stop).ConfigureAwait(false)).Code == 221)
            {
                return (Finding, $"answered inside TLS: {first.Words}");
            }

            return (Fine, "forgotten, as it should be");
        }
    }

    private async Task<(ProbeVerdict, string)> OldVersionAsync(byte minor, CancellationToken stop)
    {
        ProbeConnection connection = await BeforeTlsAsync(stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            byte[] hello = OldTlsHello.Create(minor, IPAddress.TryParse(options.Host, out _) ? null : options.Host);
            try
            {
                byte[] answer = await connection.ExchangeAsync(hello, static a => OldTlsHello.IsWhole(a.Span), stop).ConfigureAwait(false);
                return OldTlsHello.IsAccepted(answer, minor) ? (Note, "spoken; RFC 8996 says that nobody should") : (Fine, "not spoken");
            }
            catch (IOException)
            {
                return (Fine, "not spoken: the server closed the connection");
            }
        }
    }

    private async Task<(ProbeVerdict, string)> VersionAsync(SslProtocols version, CancellationToken stop)
    {
        ProbeConnection connection = await BeforeTlsAsync(stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                await dialer.SecureAsync(connection, version, stop).ConfigureAwait(false);
                return (Fine, "spoken");
            }
            catch (IOException e)
            {
                return (Note, $"not spoken: {e.Message}");
            }
        }
    }

    private async Task<(ProbeVerdict, string)> CertificateAsync(string tried, CancellationToken stop)
    {
        ProbeConnection connection = await BeforeTlsAsync(stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await dialer.SecureAsync(connection, SslProtocols.None, stop).ConfigureAwait(false);
            if (connection.Certificate is not { } certificate)
            {
                return (Note, "none was shown");
            }

            string[] alternatives = [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(static e => e.EnumerateDnsNames().Concat(e.EnumerateIPAddresses().Select(static a => a.ToString())))];
            string who = alternatives.Length > 0 ? string.Join(", ", alternatives) : certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
            DateTimeOffset from = new(certificate.NotBefore), until = new(certificate.NotAfter), now = time.GetUtcNow();
            string trust = connection.CertificateErrors == SslPolicyErrors.None ? "trusted" : $"not trusted: {connection.CertificateErrors}";
            string words = $"{(now < from ? "not valid yet; " : now > until ? "expired; " : "")}{trust}; valid from {QueueCommands.Time(from)} until {QueueCommands.Time(until)}; for {who}";
            return (connection.CertificateErrors == SslPolicyErrors.None ? Fine : Note, words);
        }
    }

    /// <summary>A connection on which the handshake comes next.</summary>
    private async Task<ProbeConnection> BeforeTlsAsync(CancellationToken stop)
    {
        if (options.Tls == ProbeTls.Implicit)
        {
            return await dialer.ConnectAsync(null, stop).ConfigureAwait(false);
        }

        ProbeConnection connection = await dialer.GreetAsync(null, stop).ConfigureAwait(false);
        try
        {
            await connection.HelloAsync(stop).ConfigureAwait(false);
            PeerReply reply = await connection.CommandAsync("STARTTLS", stop).ConfigureAwait(false);
            return reply.IsPositive ? connection : throw new IOException($"the server answers STARTTLS with {reply.Words}");
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Whether a name that is there is answered otherwise than one that isn't. Every server has a postmaster (RFC 5321 §4.5.1).</summary>
    private async Task<(ProbeVerdict, string)> OracleAsync(string verb, string tried, CancellationToken stop)
    {
        ProbeConnection connection = await dialer.OpenAsync(null, stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            PeerReply known = await connection.CommandAsync($"{verb} postmaster", stop).ConfigureAwait(false);
            PeerReply unknown = await connection.CommandAsync(names.Expand(verb + " {unknown}"), stop).ConfigureAwait(false);
            return known.Code != unknown.Code
                ? (Note, $"tells who is there: {known.Words} / {unknown.Words}")
                : (Fine, $"tells nothing: {known.Words}");
        }
    }

    /// <summary>
    /// SMTP smuggling: what only looks like the end of the content, and commands behind it. A server that takes the first for the end has more answers than one to give. These are the only messages that a probe
    /// sends, to a mailbox that was given for it.
    /// </summary>
    private async Task<IReadOnlyList<ProbeResult>> EndsOfDataAsync(CancellationToken stop)
    {
        var results = new List<ProbeResult>();
        foreach ((string name, string end) in ((string, string)[])[
            ("LF . LF", "\n.\n"), ("LF . CRLF", "\n.\r\n"), ("CRLF . LF", "\r\n.\n"), ("CR . CR", "\r.\r"), ("CRLF . CR", "\r\n.\r"), ("CR . CRLF", "\r.\r\n"), ("CRLF NUL . CRLF", "\r\n\0.\r\n")])
        {
            results.Add(options.EndOfData is null
                ? new ProbeResult($"end of data {name}", "-", NotTried, "needs a mailbox to deliver to: --end-of-data ADDRESS")
                : await TryAsync($"end of data {name}", $"a message to {options.EndOfData}", (_, token) => EndOfDataAsync(name, end, token), stop).ConfigureAwait(false));
        }

        return results;
    }

    private async Task<(ProbeVerdict, string)> EndOfDataAsync(string name, string end, CancellationToken stop)
    {
        ProbeConnection connection = await dialer.OpenAsync(null, stop).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            foreach (string command in (string[])[$"MAIL FROM:<{options.From}>", $"RCPT TO:<{options.EndOfData}>", "DATA"])
            {
                PeerReply refused = await connection.CommandAsync(command, stop).ConfigureAwait(false);
                if (!(refused.IsPositive || refused.IsIntermediate))
                {
                    return (Unclear, $"{command[..4]} was refused: {refused.Words}");
                }
            }

            string date = time.GetUtcNow().ToString("r", CultureInfo.InvariantCulture).Replace("GMT", "+0000", StringComparison.Ordinal);
            string header = $"From: <{options.From}>\r\nTo: <{options.EndOfData}>\r\nDate: {date}\r\nSubject: relay probe: {name}\r\n\r\n";
            await connection.WriteAsync($"{header}This line has a look-alike of the end of data behind it.{end}NOOP\r\n.\r\n", stop).ConfigureAwait(false);
            PeerReply first = await connection.ReadAsync(stop).ConfigureAwait(false);
            try
            {
                PeerReply second = await connection.CommandAsync("QUIT", stop).ConfigureAwait(false);
                return second.Code is 221 or 421 ? (Fine, first.Words) : (Finding, $"what stood behind it was taken for commands: {first.Words} / {second.Words}");
            }
            catch (IOException)
            {
                return (Fine, $"{first.Words}, and the connection was closed");
            }
        }
    }
}
