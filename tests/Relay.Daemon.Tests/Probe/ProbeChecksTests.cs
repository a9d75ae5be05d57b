using System.Net;
using Relay.Daemon.Probe;

namespace Relay.Daemon.Tests.Probe;

public sealed class ProbeChecksTests
{
    [Theory]
    [InlineData("250-mx.double.test\r\n250 AUTH PLAIN LOGIN", "Finding")]
    [InlineData("250-mx.double.test\r\n250 AUTH CRAM-MD5 SCRAM-SHA-256", "Note")]
    [InlineData("250-mx.double.test\r\n250 SIZE", "Fine")]
    public async Task Passwords_asked_for_in_clear_are_a_finding(string hello, string verdict)
    {
        await using var server = new SmtpDouble(c => c.StartsWith("EHLO", StringComparison.Ordinal) ? hello : SmtpDouble.Usual(c));

        Assert.Equal(Enum.Parse<ProbeVerdict>(verdict), (await CheckAsync(server))["AUTH in clear"].Verdict);
    }

    [Fact]
    public async Task A_server_without_STARTTLS_is_noted_and_not_asked_for_versions()
    {
        await using var server = new SmtpDouble(SmtpDouble.Usual);

        IReadOnlyDictionary<string, ProbeResult> results = await CheckAsync(server);

        Assert.Equal(ProbeVerdict.Note, results["STARTTLS"].Verdict);
        Assert.DoesNotContain("TLSv1.2", results.Keys);
    }

    [Theory]
    [InlineData("252 2.0.0 postmaster", "550 5.1.1 unknown", "Note")]
    [InlineData("252 2.0.0 try", "252 2.0.0 try", "Fine")]
    public async Task A_VRFY_that_tells_names_apart_is_noted(string known, string unknown, string verdict)
    {
        await using var server = new SmtpDouble(c => c.StartsWith("VRFY", StringComparison.Ordinal) ? (c == "VRFY postmaster" ? known : unknown) : SmtpDouble.Usual(c));

        Assert.Equal(Enum.Parse<ProbeVerdict>(verdict), (await CheckAsync(server))["VRFY"].Verdict);
    }

    [Fact]
    public async Task Without_a_mailbox_no_end_of_data_is_tried()
    {
        await using var server = new SmtpDouble(SmtpDouble.Usual);

        IReadOnlyDictionary<string, ProbeResult> results = await CheckAsync(server);

        Assert.All(results.Values.Where(static r => r.Name.StartsWith("end of data", StringComparison.Ordinal)), static r => Assert.Equal(ProbeVerdict.NotTried, r.Verdict));
        Assert.DoesNotContain("DATA", server.Commands);
    }

    [Fact]
    public async Task A_server_for_which_any_line_ending_is_one_can_be_smuggled_past()
    {
        bool isData = false;
        await using var server = new SmtpDouble(c =>
        {
            // The double reads lines that end with LF, CR or both.
            string? reply = isData ? (c == "." ? "250 2.0.0 taken" : "") : c == "DATA" ? "354 go on" : c.StartsWith("RCPT", StringComparison.Ordinal) ? "250 2.1.5 OK" : SmtpDouble.Usual(c);
            isData = c == "DATA" || (isData && c != ".");
            return reply;
        });

        IReadOnlyDictionary<string, ProbeResult> results = await CheckAsync(server, "box@ours.test");

        Assert.Equal(ProbeVerdict.Finding, results["end of data LF . LF"].Verdict);
        Assert.Equal(ProbeVerdict.Finding, results["end of data CR . CRLF"].Verdict);
        Assert.Equal(ProbeVerdict.Fine, results["end of data CRLF NUL . CRLF"].Verdict);
    }

    private static async Task<IReadOnlyDictionary<string, ProbeResult>> CheckAsync(SmtpDouble server, string? endOfData = null)
    {
        var options = new ProbeOptions("127.0.0.1", server.Port) { From = "a@from.test", To = "user@else.test", Domain = "ours.test", EndOfData = endOfData, Timeout = TimeSpan.FromSeconds(20) };
        var checks = new ProbeChecks(options, new ProbeDialer(options, IPAddress.Loopback, TimeProvider.System), new ProbeNames(options, "", IPAddress.Loopback, IPAddress.Loopback), TimeProvider.System);
        return (await checks.RunAsync(TestContext.Current.CancellationToken)).ToDictionary(static r => r.Name);
    }
}
