using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using MailKit.Security;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>What a log-in costs, and that whoever guesses passwords as fast as he can doesn't keep mail from moving.</summary>
public sealed class LoginLoadTests
{
    private const string Password = "a-secret_1";

    [Fact]
    public async Task A_log_in_costs_some_milliseconds_of_a_processor()
    {
        await using LoginRelay relay = await LoginRelay.StartAsync(new Dictionary<string, string> { ["alice"] = Password });
        int rounds = LongForm.Scale(20);
        foreach (string mechanism in new[] { "none", "PLAIN", "LOGIN", "SCRAM-SHA-256" })
        {
            TimeSpan before = relay.Process.ProcessorTime;
            for (int i = 0; i < rounds; i++)
            {
                using MailKit.Net.Smtp.SmtpClient client = await MailKitClient.ConnectAsync(relay.ImplicitPort);
                if (mechanism != "none")
                {
                    await client.AuthenticateAsync(
                        mechanism switch { "PLAIN" => new SaslMechanismPlain("alice", Password), "LOGIN" => new SaslMechanismLogin("alice", Password), _ => new SaslMechanismScramSha256("alice", Password) },
                        TestContext.Current.CancellationToken);
                }
            }

            Figure.Report(string.Create(CultureInfo.InvariantCulture, $"a connection with TLS and log-in by {mechanism}: {(relay.Process.ProcessorTime - before).TotalMicroseconds / rounds:0} us of a processor"));
        }
    }

    [Fact]
    public async Task Guessing_as_fast_as_it_goes_does_not_starve_mail()
    {
        // Without what would slow the guesses down, and all others who come from this address.
        await using LoginRelay relay = await LoginRelay.StartAsync(new Dictionary<string, string> { ["alice"] = Password }, tables: "[abuse]\nenabled = false");
        int messages = LongForm.Scale(100);
        (double rate, double p99) alone = await MeasureAsync(relay, messages);
        using var stop = new CancellationTokenSource();
        long guesses = 0;
        Task[] guessers = [.. Enumerable.Range(0, 20).Select(_ => Task.Run(() => GuessAsync(relay.ImplicitPort, () => Interlocked.Increment(ref guesses), stop.Token)))];
        await Eventually.True(() => Interlocked.Read(ref guesses) > 20, "guessing");
        long before = Interlocked.Read(ref guesses);
        long start = Stopwatch.GetTimestamp();
        (double rate, double p99) attacked = await MeasureAsync(relay, messages);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        await stop.CancelAsync();
        await Task.WhenAll(guessers);
        Figure.Report(string.Create(CultureInfo.InvariantCulture,
            $"messages a second: {alone.rate:0} alone (p99 {alone.p99:0} ms), {attacked.rate:0} beside {(Interlocked.Read(ref guesses) - before) / seconds:0} answered guesses a second (p99 {attacked.p99:0} ms)"));
        Assert.True(attacked.rate > alone.rate / 20, "mail is starved");
    }

    /// <summary>One who has logged in sends one message after the other.</summary>
    private static async Task<(double Rate, double P99)> MeasureAsync(LoginRelay relay, int messages)
    {
        using RawClient session = await OpenAsync(relay.ImplicitPort);
        Assert.StartsWith("235", await session.CommandAsync(Plain(Password)), StringComparison.Ordinal);
        var times = new List<double>();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < messages; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            Assert.StartsWith("250", await session.CommandAsync("MAIL FROM:<alice@from.test>"), StringComparison.Ordinal);
            Assert.StartsWith("250", await session.CommandAsync("RCPT TO:<user@to.test>"), StringComparison.Ordinal);
            Assert.StartsWith("354", await session.CommandAsync("DATA"), StringComparison.Ordinal);
            Assert.StartsWith("250", await session.CommandAsync("From: alice@from.test\r\n\r\nx\r\n."), StringComparison.Ordinal);
            times.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        times.Sort();
        return (messages / Stopwatch.GetElapsedTime(start).TotalSeconds, times[(int)(times.Count * 0.99) - 1]);
    }

    private static async Task GuessAsync(int port, Action guessed, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using RawClient session = await OpenAsync(port);
                // An empty answer: it has had enough of us.
                for (int i = 0; i < 15 && !stop.IsCancellationRequested && (await session.CommandAsync(Plain($"guess{i}"))).Length > 0; i++)
                {
                    guessed();
                }
            }
            catch (IOException)
            {
                // It has had enough of us.
            }
        }
    }

    private static string Plain(string password) => "AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"\0alice\0{password}"));

    private static async Task<RawClient> OpenAsync(int port)
    {
        RawClient client = await RawClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), implicitTls: true);
        await client.HelloAsync();
        return client;
    }
}
