using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;

namespace SmtpBlaster.Tests.Harness;

/// <summary>Sources and sinks in this process, with what most tests want as the default, and programs as processes.</summary>
internal static class Blaster
{
    public const uint Run = 0x1234abcd;

    public static AddressPattern Pattern(string text, int domains = 1)
    {
        Assert.Null(AddressPattern.Parse(text, domains, out AddressPattern pattern));
        return pattern;
    }

    public static Distribution Distribution(string text, long least = 0, long most = 1 << 20)
    {
        Assert.Null(SmtpBlaster.Options.Distribution.Parse(text, least, most, out Distribution distribution));
        return distribution;
    }

    public static SinkRule Rule(string text)
    {
        Assert.Null(SinkRule.Parse(text, out SinkRule rule));
        return rule;
    }

    public static SourceOptions Source(IPEndPoint target, string size = "4KiB", string recipients = "1", int domains = 1)
    {
        AddressPattern from = Pattern("sender@s{d}.test");
        AddressPattern to = Pattern("u{n}@d{d}.test", domains);
        return new SourceOptions
        {
            Target = target,
            From = from,
            To = to,
            Content = new GeneratedContent(Distribution(size), from, to, TimeProvider.System),
            Recipients = Distribution(recipients, 1, 1000),
            Run = Run,
            Count = 50,
            Sessions = (5, 5),
            Timeout = 20 * Clock.Second,
            GiveUp = Clock.Second,
        };
    }

    public static SinkOptions Sink(params string[] rules) => new() { Listen = [new IPEndPoint(IPAddress.Loopback, 0)], Rules = [.. rules.Select(Rule)] };

    /// <summary>A source against a sink of its own; both to their ends.</summary>
    public static async Task<(SourceResult Source, SinkResult Sink)> RunAsync(SinkOptions sinkOptions, Func<SourceOptions, SourceOptions>? change = null, SourceOptions? sourceOptions = null)
    {
        var sink = new SinkRun(sinkOptions, null);
        sink.Start();
        SourceOptions options = (sourceOptions ?? Source(sink.Addresses[0])) with { Target = sink.Addresses[0] };
        SourceResult sent = await new SourceRun(change?.Invoke(options) ?? options, null, null).RunAsync(TestContext.Current.CancellationToken);
        return (sent, await sink.StopAsync());
    }

    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>A program of the system; without it the test is skipped.</summary>
    public static string Tool(string name, string package)
    {
        string? path = new[] { "/usr/sbin", "/usr/bin" }.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"{name} is not installed (Debian package {package})");
        return path!;
    }

    public static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;

    /// <summary>Runs a program to its end.</summary>
    public static async Task<(int Status, string Output, string Errors)> RunAsync(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output, await errors);
    }

    /// <summary>Waits until a port takes connections.</summary>
    public static async Task ListeningAsync(int port)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        while (await timer.WaitForNextTickAsync(limit.Token))
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port, limit.Token);
                return;
            }
            catch (SocketException)
            {
                // Not yet.
            }
        }
    }
}
