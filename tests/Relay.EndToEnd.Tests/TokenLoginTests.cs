using MailKit.Security;
using Relay.EndToEnd.Tests.Harness;
using Relay.Tests.Support;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients that log in with access tokens, whose keys the relay fetches over HTTPS.</summary>
public sealed class TokenLoginTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly TestAuthority _authority = new();
    private readonly TokenMaker _maker = new();
    private PolicyServer? _web;
    private SignedDns? _dns;
    private LoginRelay? _relay;
    private string? _keys;

    private LoginRelay Relay => _relay!;

    private string Token => _maker.Make(TimeProvider.System.GetUtcNow(), "alice");

    public async ValueTask InitializeAsync()
    {
        _keys = _maker.Keys();
        _web = new PolicyServer(host => _authority.Issue("CN=x", _authority.Root, names: [host]), _ => PolicyServer.Response("200 OK", _keys, "Content-Type: application/json\r\n"));
        _dns = await SignedDns.StartAsync([], ["keys.issuer.plain. IN A 127.0.0.1"]);
        _relay = await LoginRelay.StartAsync(
            new Dictionary<string, string> { ["alice"] = "unused" },
            tables: $"[oauth]\nissuer = \"{TokenMaker.Issuer}\"\naudience = [\"{TokenMaker.Audience}\"]\njwks = \"https://keys.issuer.plain:{_web.Port}/jwks.json\"\nscope = \"mail.send\"",
            dns: _dns.EndPoint, environment: _authority.Trusted);
    }

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        if (_dns is not null)
        {
            await _dns.DisposeAsync();
        }

        if (_web is not null)
        {
            await _web.DisposeAsync();
        }

        _maker.Dispose();
        _authority.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task MailKit_logs_in_by_either_mechanism_and_with_a_bad_token_by_none()
    {
        Assert.StartsWith("2.0.0 queued", await MailKitClient.SendAsync(Relay.ImplicitPort, new SaslMechanismOAuthBearer("alice", Token), "bearer"), StringComparison.Ordinal);
        Assert.StartsWith("2.0.0 queued", await MailKitClient.SendAsync(Relay.ImplicitPort, new SaslMechanismOAuth2("alice", Token), "xoauth2"), StringComparison.Ordinal);
        await Relay.ArrivedAsync("bearer");
        await Relay.ArrivedAsync("xoauth2");
        string old = _maker.Make(TimeProvider.System.GetUtcNow().AddHours(-1), "alice");
        await Assert.ThrowsAsync<AuthenticationException>(() => MailKitClient.SendAsync(Relay.ImplicitPort, new SaslMechanismOAuthBearer("alice", old), "never"));
        await Assert.ThrowsAsync<AuthenticationException>(() => MailKitClient.SendAsync(Relay.ImplicitPort, new SaslMechanismOAuth2("alice", old), "never"));
    }

    [Theory]
    [InlineData("OAUTHBEARER")]
    [InlineData("XOAUTH2")]
    public async Task Curl_logs_in(string mechanism)
    {
        string file = _folder.Write("mail.eml", $"From: alice@from.test\r\nSubject: curl {mechanism}\r\n\r\nx\r\n");
        await using ToolProcess curl = await ToolProcess.RunAsync(
            Tool.Find("curl", "curl"),
            ["-sS", "-k", "--ssl-reqd", "--url", $"smtp://127.0.0.1:{Relay.StartTlsPort}", "--user", "alice", "--oauth2-bearer", Token, "--login-options", $"AUTH={mechanism}", "--mail-from", "alice@from.test", "--mail-rcpt", "user@to.test", "--upload-file", file]);
        Assert.True(curl.ExitCode == 0, curl.Transcript);
        await Relay.ArrivedAsync($"curl {mechanism}");
    }

    [Theory]
    [InlineData("oauthbearer")]
    [InlineData("xoauth2")]
    public async Task Msmtp_logs_in(string mechanism)
    {
        string token = _folder.Write("token", Token);
        await using ToolProcess msmtp = await ToolProcess.RunAsync(
            Tool.Find("msmtp", "msmtp"),
            ["--file=/dev/null", "--host=127.0.0.1", $"--port={Relay.ImplicitPort}", "--tls=on", "--tls-starttls=off", "--tls-certcheck=off", $"--auth={mechanism}", "--user=alice", $"--passwordeval=cat {token}", "--from=alice@from.test", "user@to.test"],
            input: $"From: alice@from.test\nTo: user@to.test\nSubject: msmtp {mechanism}\n\nx\n");
        Assert.True(msmtp.ExitCode == 0, msmtp.Transcript);
        await Relay.ArrivedAsync($"msmtp {mechanism}");
    }
}
