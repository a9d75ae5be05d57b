using System.Diagnostics;
using SmtpBlaster.Sink;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Trial;

public sealed class CommandLineTests
{
    [Fact]
    public async Task A_relay_that_cant_be_started_or_ends_at_once_is_told()
    {
        string target = $"127.0.0.1:{Blaster.FreePort()}";
        (int status, _, string errors) = await Blaster.RunAsync("dotnet", Built.Blaster, "run", "--target", target, "--sink", "127.0.0.1:0", "--", "/no/such/relay");
        Assert.Equal(2, status);
        Assert.Contains("/no/such/relay can't be started", errors, StringComparison.Ordinal);
        (status, _, errors) = await Blaster.RunAsync("dotnet", Built.Blaster, "run", "--target", target, "--sink", "127.0.0.1:0", "--", "sh", "-c", "exit 3");
        Assert.Equal(2, status);
        Assert.Contains("ended with status 3", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_sessions_than_file_descriptors_are_refused_with_what_there_is()
    {
        (int status, _, string errors) = await Blaster.RunAsync("sh", "-c", $"ulimit -n 150; exec dotnet {Built.Blaster} source 127.0.0.1:{Blaster.FreePort()} --sessions 200");
        Assert.Equal(1, status);
        Assert.Matches("--sessions: this process may have 150 file descriptors, which leaves [0-9]+ sessions", errors);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_sink_that_runs_out_of_file_descriptors_goes_on_and_says_so(int threads)
    {
        using Process sink = Blaster.Start("sh", "-c", $"ulimit -n 150; exec dotnet {Built.Blaster} sink 127.0.0.1:0 -n 600 --threads {threads}");
        string ready = (await sink.StandardError.ReadLineAsync(TestContext.Current.CancellationToken))!;
        (int status, _, string errors) = await Blaster.RunAsync("dotnet", Built.Blaster, "source", ready.Split(' ')[1], "--sessions", "200", "-n", "600", "--messages-per-connection", "2");
        Assert.True(status == 0, errors);
        Assert.Contains("had no file descriptor for a connection", await sink.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await sink.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, sink.ExitCode);
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_ends_a_run_with_the_report_so_far(string signal)
    {
        var sink = new SinkRun(Blaster.Sink(), null);
        sink.Start();
        using Process source = Blaster.Start("dotnet", Built.Blaster, "source", $"{sink.Addresses[0]}", "--rate", "100", "--duration", "10m");
        await EventuallyAsync(() => sink.Messages > 10);
        await Blaster.RunAsync("sh", "-c", $"kill -{signal} {source.Id}");
        string report = await source.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await source.WaitForExitAsync(TestContext.Current.CancellationToken);
        long taken = (await sink.StopAsync()).Counters.Messages;
        Assert.Equal(0, source.ExitCode);
        Assert.StartsWith(FormattableString.Invariant($"source: {taken} messages"), report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_relay_that_vanishes_is_told_with_what_was_lost()
    {
        // The relay is a sink that acknowledges, delivers nothing, and is gone after 20 messages.
        string target = $"127.0.0.1:{Blaster.FreePort()}";
        (int status, string output, string errors) = await Blaster.RunAsync(
            "dotnet", Built.Blaster, "run", "--target", target, "--sink", "127.0.0.1:0", "-n", "1000000", "--rate", "50", "--give-up", "1s", "--settle", "500ms", "--", "dotnet", Built.Blaster, "sink", target, "-n", "20");
        Assert.Equal(1, status);
        Assert.Matches("[0-9]+ sent, [0-9]+ acknowledged, 0 arrived, [1-9][0-9]* lost", errors);
        Assert.Contains("the relay ended by itself, with status 0", output, StringComparison.Ordinal);
        Assert.Contains("given up: ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("source 127.0.0.1:25 --size 4XB", "not a size")]
    [InlineData("source 127.0.0.1:25 --sessions 0", "--sessions")]
    [InlineData("source 127.0.0.1:25 --sessions 1:5", "--ramp")]
    [InlineData("source 127.0.0.1:99999", "port")]
    [InlineData("source 127.0.0.1:25 --to a@b --recipients 2", "{n}")]
    [InlineData("source 127.0.0.1:25 --auth plain", "--user")]
    [InlineData("source 127.0.0.1:25 --bind 127.0.0.1/88", "--bind")]
    [InlineData("source 127.0.0.1:25 --message /no/such.eml", "can't be read")]
    [InlineData("source 127.0.0.1:25 --tls maybe", "maybe")]
    [InlineData("source 127.0.0.1:25 --rat 5", "source --help")]
    [InlineData("sink --rule nonsense", "stage")]
    [InlineData("sink --connections 0", "--connections")]
    [InlineData("sink --read-rate 0", "--read-rate")]
    [InlineData("sink --count 0", "--count")]
    [InlineData("sink 192.0.2.1:2600", "can't listen")]
    public async Task Wrong_options_are_told_in_one_line(string arguments, string part)
    {
        (int status, string output, string errors) = await Blaster.RunAsync("dotnet", [Built.Blaster, .. arguments.Split(' ')]);
        Assert.InRange(status, 1, 2);
        Assert.Equal("", output);
        Assert.StartsWith("smtp-blaster: ", errors, StringComparison.Ordinal);
        Assert.Contains(part, errors, StringComparison.Ordinal);
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60), TimeProvider.System);
        while (!condition())
        {
            await timer.WaitForNextTickAsync(limit.Token);
        }
    }
}
