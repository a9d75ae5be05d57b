using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>More clients that users have, by each mechanism that these know.</summary>
public sealed class LoginClientTests : IAsyncLifetime
{
    private const string Password = "a-secret_1";

    private readonly TempFolder _folder = new();
    private LoginRelay? _relay;

    private LoginRelay Relay => _relay!;

    public async ValueTask InitializeAsync() => _relay = await LoginRelay.StartAsync(new Dictionary<string, string> { ["alice"] = Password });

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Theory]
    [InlineData("plain", false)]
    [InlineData("login", true)]
    [InlineData("scram-sha-256", false)]
    [InlineData("scram-sha-256", true)]
    public async Task Msmtp_logs_in(string mechanism, bool toImplicit)
    {
        await using ToolProcess msmtp = await ToolProcess.RunAsync(
            Tool.Find("msmtp", "msmtp"),
            ["--file=/dev/null", "--host=127.0.0.1", $"--port={(toImplicit ? Relay.ImplicitPort : Relay.StartTlsPort)}", "--tls=on", $"--tls-starttls={(toImplicit ? "off" : "on")}", "--tls-certcheck=off",
                $"--auth={mechanism}", "--user=alice", $"--passwordeval=echo {Password}", "--from=alice@from.test", "user@to.test"],
            input: "From: alice@from.test\nTo: user@to.test\nSubject: from msmtp\n\nx\n");
        Assert.True(msmtp.ExitCode == 0, msmtp.Transcript);
        await Relay.ArrivedAsync("from msmtp");
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("login")]
    public async Task S_nail_logs_in(string mechanism)
    {
        await using ToolProcess nail = await ToolProcess.RunAsync(
            Tool.Find("s-nail", "s-nail"),
            ["-:/", "-Sv15-compat", $"-Smta=smtps://alice:{Password}@127.0.0.1:{Relay.ImplicitPort}", $"-Ssmtp-auth={mechanism}", "-Stls-verify=ignore", "-Sfrom=alice@from.test", "-Shostname=client.test", "-Ssendwait",
                "-s", "from s-nail", "user@to.test"],
            input: "x\n", environment: new Dictionary<string, string> { ["HOME"] = _folder.Path, ["MAILRC"] = "/dev/null" });
        Assert.True(nail.ExitCode == 0, nail.Transcript);
        await Relay.ArrivedAsync("from s-nail");
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("login")]
    [InlineData("scram-sha-256")]
    public async Task A_Postfix_whose_smart_host_it_is_logs_in(string mechanism)
    {
        const string Address = "127.0.0.9";
        int port = FreePort.On(Address);
        await using PostfixInstance postfix = await PostfixInstance.StartAsync(Address, port, $$"""
            relayhost = [127.0.0.1]:{{Relay.StartTlsPort}}
            smtp_sasl_auth_enable = yes
            smtp_sasl_password_maps = inline:{ { [127.0.0.1]:{{Relay.StartTlsPort}} = alice:{{Password}} } }
            smtp_sasl_security_options = noanonymous
            smtp_sasl_mechanism_filter = {{mechanism}}
            smtp_tls_security_level = encrypt
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            """);
        await using ToolProcess swaks = await Swaks.SendAsync($"{Address}:{port}", "user@to.test", "by postfix", "--header", "From: alice@from.test");
        Assert.True(swaks.ExitCode == 0, swaks.Transcript);
        await Eventually.True(() => postfix.Log.Contains("status=", StringComparison.Ordinal), "Postfix has tried");
        Assert.SkipWhen(postfix.Log.Contains("no mechanism available", StringComparison.Ordinal), "this libsasl2 has no " + mechanism);
        Assert.True(postfix.Log.Contains("status=sent (250 2.0.0 queued as", StringComparison.Ordinal), postfix.Log);
        await Relay.ArrivedAsync("by postfix");
    }
}
