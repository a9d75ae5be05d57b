using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients that we didn't write log in, on 587 as on 465, and hand in mail.</summary>
public sealed class SubmissionTests : IAsyncLifetime
{
    private const string Password = "s\u00e9cret, with spaces";

    private readonly TempFolder _folder = new();
    private ScriptedServer? _server;
    private RelayProcess? _relay;

    private ScriptedServer Server => _server!;

    private int StartTlsPort => _relay!.Listeners[0].Port;

    private int ImplicitPort => _relay!.Listeners[1].Port;

    public async ValueTask InitializeAsync()
    {
        string users = _folder.File("users.toml");
        await using ToolProcess added = await RelayProcess.AskAsync(Password + "\n", "user", "add", "alice", "--users", users, "--sender", "*@from.test");
        Assert.True(added.ExitCode == 0, added.Transcript);
        _server = ScriptedServer.Start();
        _relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(Server.Address, Server.Port) with
        {
            Listeners = ["starttls", "implicit"],
            Role = "submission",
            Access = $"relay_from = []\nusers = \"{users}\"",
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_relay is not null)
        {
            await _relay.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Theory]
    [InlineData("PLAIN", false)]
    [InlineData("LOGIN", false)]
    [InlineData("PLAIN", true)]
    [InlineData("LOGIN", true)]
    public async Task Swaks_logs_in(string mechanism, bool toImplicit)
    {
        await using ToolProcess swaks = await SwaksAsync(toImplicit, "a message", mechanism, Password);
        Assert.True(swaks.ExitCode == 0, swaks.Transcript);
        Assert.Contains(swaks.Output, static line => line.Contains("235 2.7.0", StringComparison.Ordinal));
        ArrivedMessage arrived = await Server.MessageAsync(static message => message.Header("Subject") == "a message", "the message from swaks");
        Assert.Equal("sender@from.test", arrived.ReversePath);
    }

    [Fact]
    public async Task Swaks_with_a_wrong_password_is_refused()
    {
        await using ToolProcess swaks = await SwaksAsync(false, "a message", "PLAIN", "wrong");
        Assert.NotEqual(0, swaks.ExitCode);
        Assert.Contains(swaks.Output, static line => line.Contains("535 5.7.8", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("SCRAM-SHA-256", false)]
    [InlineData("SCRAM-SHA-256", true)]
    [InlineData("SCRAM-SHA-256-PLUS", false)]
    [InlineData("SCRAM-SHA-256-PLUS", true)]
    [InlineData("PLAIN", true)]
    public async Task MailKit_logs_in_and_its_blind_copies_stay_blind(string mechanism, bool toImplicit)
    {
        using var client = new SmtpClient { ServerCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null };
        await client.ConnectAsync(
            "127.0.0.1", toImplicit ? ImplicitPort : StartTlsPort, toImplicit ? SecureSocketOptions.SslOnConnect : SecureSocketOptions.StartTls, TestContext.Current.CancellationToken);
        Assert.Contains(mechanism, client.AuthenticationMechanisms);
        await client.AuthenticateAsync(
            mechanism switch
            {
                "PLAIN" => new SaslMechanismPlain("alice", Password),
                "SCRAM-SHA-256" => new SaslMechanismScramSha256("alice", Password),
                _ => new SaslMechanismScramSha256Plus("alice", Password),
            }, TestContext.Current.CancellationToken);
        var message = new MimeMessage { Subject = "blind", Body = new TextPart("plain") { Text = "x\r\n" } };
        message.From.Add(new MailboxAddress("Alice", "alice@from.test"));
        message.To.Add(new MailboxAddress(null, "one@to.test"));
        message.Bcc.Add(new MailboxAddress(null, "two@to.test"));

        string reply = await client.SendAsync(message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(quit: true, TestContext.Current.CancellationToken);

        Assert.StartsWith("2.0.0 queued as ", reply, StringComparison.Ordinal);
        await Eventually.True(() => Server.Messages.SelectMany(static arrived => arrived.ForwardPaths).Count() == 2, "both recipients served");
        Assert.All(Server.Messages, static m => Assert.DoesNotContain("bcc", System.Text.Encoding.Latin1.GetString(m.Content), StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Curl_logs_in()
    {
        string file = _folder.Write("mail.eml", "From: alice@from.test\r\nSubject: from curl\r\nBcc: hidden@to.test\r\n\r\nx\r\n");
        await using ToolProcess curl = await ToolProcess.RunAsync(
            Tool.Find("curl", "curl"),
            ["-sS", "-k", "--ssl-reqd", "--url", $"smtp://127.0.0.1:{StartTlsPort}", "--user", $"alice:{Password}", "--mail-from", "alice@from.test", "--mail-rcpt", "user@to.test", "--upload-file", file]);
        Assert.True(curl.ExitCode == 0, curl.Transcript);
        ArrivedMessage arrived = await Server.MessageAsync(static message => message.Header("Subject") == "from curl", "the message from curl");
        Assert.NotNull(arrived.Header("Date"));
        Assert.NotNull(arrived.Header("Message-ID"));
        Assert.Null(arrived.Header("Bcc"));
    }

    [Fact]
    public async Task Python_logs_in_and_may_send_as_nobody_else()
    {
        string script = _folder.Write("send.py", $"""
            import smtplib, ssl
            context = ssl._create_unverified_context()
            with smtplib.SMTP_SSL("127.0.0.1", {ImplicitPort}, context=context) as client:
                client.ehlo()
                client.user, client.password = "alice", "s\u00e9cret, with spaces"
                import base64
                print(client.docmd("AUTH", "PLAIN " + base64.b64encode(("\0alice\0" + client.password).encode()).decode()))
                print(client.mail("other@elsewhere.test"))
                client.rset()
                print(client.sendmail("alice@from.test", ["user@to.test"], "From: alice@from.test\r\nSubject: from python\r\n\r\nx\r\n"))
            """);
        await using ToolProcess python = await ToolProcess.RunAsync(Tool.Find("python3", "python3"), [script]);
        Assert.True(python.ExitCode == 0, python.Transcript);
        Assert.Contains(python.Output, static line => line.Contains("235", StringComparison.Ordinal));
        Assert.Contains(python.Output, static line => line.Contains("553", StringComparison.Ordinal));
        await Server.MessageAsync(static message => message.Header("Subject") == "from python", "the message from Python");
    }

    private Task<ToolProcess> SwaksAsync(bool toImplicit, string subject, string mechanism, string password) => Swaks.SendAsync(
        $"127.0.0.1:{(toImplicit ? ImplicitPort : StartTlsPort)}", "user@to.test", subject, toImplicit ? "-tlsc" : "-tls", "--auth", mechanism, "--auth-user", "alice", "--auth-password", password);
}
