using System.Globalization;
using System.Net;
using Relay.Daemon.Probe;

namespace Relay.Daemon.Tests.Probe;

public sealed class RelayProbeTests
{
    private const string Percent = "RCPT TO:<user%else.test@ours.test>";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_closed_server_refuses_every_trick_and_is_never_given_content()
    {
        await using var server = new SmtpDouble(SmtpDouble.Usual);

        IReadOnlyList<ProbeResult> results = await TryAllAsync(server);

        Assert.Equal(ProbeTricks.All.Select(static t => t.Name), results.Select(static r => r.Name));
        Assert.All(results, static r => Assert.Equal(ProbeVerdict.Refused, r.Verdict));
        Assert.DoesNotContain(server.Commands, static c => c.StartsWith("DATA", StringComparison.OrdinalIgnoreCase));
        Assert.InRange(server.Connections, 2, ProbeTricks.All.Count / 2);
    }

    [Theory]
    [InlineData("250 2.1.5 OK", "Relayed")]
    [InlineData("251 forwarded", "Relayed")]
    [InlineData("252 it will be tried", "Relayed")]
    [InlineData("454 4.7.1 relay access denied", "PutOff")]
    [InlineData("550 5.7.1 no", "Refused")]
    [InlineData("354 what", "Unclear")]
    [InlineData(null, "Refused")]
    public async Task The_answer_to_the_recipient_decides(string? reply, string verdict)
    {
        await using var server = new SmtpDouble(c => c == Percent ? reply : SmtpDouble.Usual(c));

        IReadOnlyList<ProbeResult> results = await TryAllAsync(server);

        Assert.Equal(Enum.Parse<ProbeVerdict>(verdict), Single(results, "percent hack at the domain").Verdict);
        Assert.All(results.Where(static r => r.Name != "percent hack at the domain"), static r => Assert.Equal(ProbeVerdict.Refused, r.Verdict));
        Assert.Equal(reply ?? "the server closed the connection", Single(results, "percent hack at the domain").Answer);
    }

    [Fact]
    public async Task A_server_that_takes_any_local_part_at_its_domain_is_not_called_open_for_that()
    {
        await using var server = new SmtpDouble(static c => c.StartsWith("RCPT", StringComparison.OrdinalIgnoreCase) && c.EndsWith("@ours.test>", StringComparison.Ordinal) ? "250 OK" : SmtpDouble.Usual(c));

        IReadOnlyList<ProbeResult> results = await TryAllAsync(server);

        Assert.Equal(ProbeVerdict.Unclear, Single(results, "percent hack at the domain").Verdict);
        Assert.DoesNotContain(results, static r => r.Verdict == ProbeVerdict.Relayed);
    }

    [Fact]
    public async Task A_session_that_the_server_ends_is_taken_up_again_with_the_trick_that_had_no_answer()
    {
        int recipients = 0;
        await using var server = new SmtpDouble(c => c.StartsWith("RCPT", StringComparison.OrdinalIgnoreCase) && ++recipients % 4 == 0 ? "421 4.7.0 too many errors" : SmtpDouble.Usual(c));

        IReadOnlyList<ProbeResult> results = await TryAllAsync(server, ProbeTricks.All.Take(30));

        Assert.Equal(30, results.Count);
        Assert.All(results, static r => Assert.StartsWith("550 5.7.1", r.Answer, StringComparison.Ordinal));
        Assert.InRange(server.Connections, 8, 12);
    }

    [Fact]
    public async Task A_refused_sender_is_what_a_trick_is_told_by()
    {
        await using var server = new SmtpDouble(static c => c == "MAIL FROM:<>" ? "550 5.7.1 no bounces" : c.StartsWith("RCPT", StringComparison.Ordinal) ? "503 5.5.1 MAIL first" : SmtpDouble.Usual(c));

        Assert.Equal("550 5.7.1 no bounces", Single(await TryAllAsync(server), "null sender").Answer);
    }

    [Fact]
    public async Task Silence_is_no_answer_and_the_others_are_tried()
    {
        await using var server = new SmtpDouble(static c => c == Percent ? "" : SmtpDouble.Usual(c));

        IReadOnlyList<ProbeResult> results = await TryAllAsync(server, timeout: TimeSpan.FromMilliseconds(500));

        ProbeResult silent = Single(results, "percent hack at the domain");
        Assert.Equal((ProbeVerdict.Unclear, "nothing happened within 0.5 s"), (silent.Verdict, silent.Answer));
        Assert.Equal(ProbeVerdict.Refused, results[^1].Verdict);
    }

    [Theory]
    [InlineData("550 \u001b[31mred\u0007\u009b2J")]
    [InlineData("lorem ipsum")]
    [InlineData("550-never\r\n250 the same")]
    [InlineData("550 \0")]
    public async Task What_the_server_sends_is_never_more_than_text(string reply)
    {
        await using var server = new SmtpDouble(c => c.StartsWith("RCPT", StringComparison.OrdinalIgnoreCase) ? reply : SmtpDouble.Usual(c));

        IReadOnlyList<ProbeResult> results = await TryAllAsync(server, ProbeTricks.All.Take(10));

        Assert.All(results, static r => Assert.Equal(ProbeVerdict.Refused, r.Verdict));
        Assert.All(results, static r => Assert.DoesNotContain(r.Answer + r.Tried, char.IsControl));
        Assert.All(results, static r => Assert.InRange(r.Answer.Length, 1, 1100));
    }

    [Fact]
    public async Task A_server_that_is_gone_leaves_the_rest_untried_and_the_question_open()
    {
        var server = new SmtpDouble(SmtpDouble.Usual);
        RelayProbe probe = Probe(server, Soon);
        await server.DisposeAsync();

        IReadOnlyList<ProbeResult> results = await probe.RunAsync(ProbeTricks.All, TestContext.Current.CancellationToken);

        Assert.All(results, static r => Assert.Equal(ProbeVerdict.NotTried, r.Verdict));
        Assert.Equal(CommandResult.CouldNotRun, Report(results, []).Status);
    }

    [Theory]
    [InlineData("Refused", "Fine", 0)]
    [InlineData("PutOff", "Note", 0)]
    [InlineData("Unclear", "NotTried", 0)]
    [InlineData("Relayed", "Fine", 1)]
    [InlineData("Refused", "Finding", 1)]
    [InlineData("NotTried", "Fine", 2)]
    [InlineData("NotTried", "Finding", 1)]
    public void The_exit_status_follows_from_the_verdicts(string trick, string check, int status) =>
        Assert.Equal(status, Report([Result(trick)], [Result(check)]).Status);

    [Theory]
    [InlineData("mx.test", "mx.test", 25)]
    [InlineData("mx.test:2525", "mx.test", 2525)]
    [InlineData("192.0.2.1:26", "192.0.2.1", 26)]
    [InlineData("::1", "::1", 25)]
    [InlineData("[2001:db8::1]:465", "2001:db8::1", 465)]
    public void A_host_has_a_port_or_not(string text, string host, int port) => Assert.Equal((null, host, port), (ProbeCommand.ParseHost(text, 25, out string h, out int p), h, p));

    [Theory]
    [InlineData("mx.test:0")]
    [InlineData("mx.test:smtp")]
    [InlineData("[mx.test]:25")]
    [InlineData("mx test")]
    [InlineData("")]
    public void A_host_that_is_none_is_refused(string text) => Assert.NotNull(ProbeCommand.ParseHost(text, 25, out _, out _));

    private static Task<IReadOnlyList<ProbeResult>> TryAllAsync(SmtpDouble server, IEnumerable<ProbeTrick>? tricks = null, TimeSpan? timeout = null) =>
        Probe(server, timeout ?? Soon).RunAsync(tricks ?? ProbeTricks.All, TestContext.Current.CancellationToken);

    private static RelayProbe Probe(SmtpDouble server, TimeSpan timeout)
    {
        var options = new ProbeOptions("127.0.0.1", server.Port) { From = "a@from.test", To = "user@else.test", Domain = "ours.test", Timeout = timeout };
        return new RelayProbe(new ProbeDialer(options, IPAddress.Loopback, TimeProvider.System), new ProbeNames(options, "", IPAddress.Loopback, IPAddress.Loopback), TimeProvider.System);
    }

    private static ProbeResult Single(IEnumerable<ProbeResult> results, string name) => results.Single(r => r.Name == name);

    private static ProbeResult Result(string verdict) => new("x", "x", Enum.Parse<ProbeVerdict>(verdict), verdict.ToLower(CultureInfo.InvariantCulture));

    private static ProbeReport Report(IReadOnlyList<ProbeResult> tricks, IReadOnlyList<ProbeResult> checks) => new("mx.test", "192.0.2.1", 25, "220 mx.test", "mx.test", tricks, checks);
}
