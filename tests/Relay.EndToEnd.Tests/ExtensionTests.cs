using System.Globalization;
using System.Text;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients that we didn't write, each with every extension it knows: their own transcripts say that they used it, and the next hop has what they sent.</summary>
public sealed class ExtensionTests : IAsyncLifetime
{
    private const string Utf8Sender = "δοκιμή@παράδειγμα.test";
    private const string Utf8Recipient = "用户@例子.test";

    private ScriptedServer? _server;
    private RelayProcess? _relay;

    private ScriptedServer Server => _server!;

    private RelayProcess Relay => _relay!;

    private int StartTlsPort => Relay.Listeners[0].Port;

    public async ValueTask InitializeAsync()
    {
        _server = ScriptedServer.Start(new ServerScript { SmtpUtf8 = true });
        _relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(_server.Address, _server.Port) with { Listeners = ["starttls", "implicit"] });
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
    }

    [Fact]
    public async Task MailKit_sends_in_chunks()
    {
        var message = new MimeMessage();
        message.From.Add(new MailboxAddress(null, "sender@from.test"));
        message.To.Add(new MailboxAddress(null, "chunks@to.test"));
        message.Subject = "in chunks";
        // More than one of MailKit's chunks, with lines that DATA would have to stuff.
        message.Body = new TextPart("plain") { Text = string.Concat(Enumerable.Range(0, 30_000).Select(static i => string.Create(CultureInfo.InvariantCulture, $".line {i}\r\n"))) };
        using var transcript = new MemoryStream();
        using (var client = new ChunkingClient(new MailKit.ProtocolLogger(transcript, leaveOpen: true)) { ServerCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null })
        {
            await client.ConnectAsync("127.0.0.1", StartTlsPort, SecureSocketOptions.StartTls, TestContext.Current.CancellationToken);
            Assert.True(client.Capabilities.HasFlag(SmtpCapabilities.Chunking));
            await client.SendAsync(message, TestContext.Current.CancellationToken);
            await client.DisconnectAsync(quit: true, TestContext.Current.CancellationToken);
        }

        Assert.Contains("C: BDAT ", Encoding.UTF8.GetString(transcript.ToArray()), StringComparison.Ordinal);
        ArrivedMessage arrived = await Server.MessageAsync(static m => m.Header("Subject") == "in chunks", "the message in chunks");
        using var content = new MemoryStream(arrived.Content);
        MimeMessage read = await MimeMessage.LoadAsync(content, TestContext.Current.CancellationToken);
        Assert.Equal(((TextPart)message.Body).Text.ReplaceLineEndings("\r\n"), read.TextBody!.ReplaceLineEndings("\r\n"));
    }

    [Fact]
    public async Task MailKit_sends_between_internationalized_addresses()
    {
        var message = new MimeMessage();
        message.From.Add(new MailboxAddress("Δοκιμή", Utf8Sender));
        message.To.Add(new MailboxAddress(null, Utf8Recipient));
        message.Subject = "международный";
        message.Body = new TextPart("plain") { Text = "текст\r\n" };
        FormatOptions international = FormatOptions.Default.Clone();
        international.International = true;
        using var client = new SmtpClient();
        await client.ConnectAsync("127.0.0.1", StartTlsPort, SecureSocketOptions.None, TestContext.Current.CancellationToken);

        await client.SendAsync(international, message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(quit: true, TestContext.Current.CancellationToken);

        await InternationalizedArrivesAsync();
    }

    [Fact]
    public async Task Python_sends_with_every_extension_that_smtplib_knows()
    {
        const string Script = """
            import smtplib, ssl, sys
            from email.message import EmailMessage
            from email.headerregistry import Address
            port, sender, recipient = int(sys.argv[1]), sys.argv[2], sys.argv[3]
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=30) as client:
                client.ehlo()
                print("offered in clear:", " ".join(sorted(client.esmtp_features)))
                client.starttls(context=context)
                client.ehlo()
                print("offered in TLS:", " ".join(sorted(client.esmtp_features)))
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = "sender@from.test", "python@to.test", "from python"
                message.set_content("Grüße\n.dot\n", cte="8bit")
                client.send_message(message)
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = sender, recipient, "международный"
                message.set_content("текст\n")
                client.send_message(message)
                print("verify:", client.verify("user")[0], "help:", client.help()[:8], "noop:", client.noop()[0], "rset:", client.rset()[0])
            print("done")
            """;
        await using ToolProcess python = await ToolProcess.RunAsync(Tool.Find("python3", "python3"), ["-c", Script, $"{StartTlsPort}", Utf8Sender, Utf8Recipient]);

        Assert.True(python.ExitCode == 0 && python.Output.Contains("done"), python.Transcript);
        Assert.Contains(python.Output, static l => l.StartsWith("offered in clear:", StringComparison.Ordinal) && l.Contains(" chunking ", StringComparison.Ordinal) && l.Contains(" starttls", StringComparison.Ordinal));
        Assert.Contains(python.Output, static l => l.StartsWith("offered in TLS:", StringComparison.Ordinal) && l.Contains(" smtputf8", StringComparison.Ordinal) && !l.Contains(" starttls", StringComparison.Ordinal));
        await InternationalizedArrivesAsync();
        ArrivedMessage plain = await Server.MessageAsync(static m => m.Header("Subject") == "from python", "the message from Python");
        Assert.Contains("Grüße\r\n.dot\r\n", Encoding.UTF8.GetString(plain.Content), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Curl_sends_with_STARTTLS_and_between_internationalized_addresses()
    {
        using var folder = new TempFolder();
        string file = folder.Write("message.eml", "From: <sender@from.test>\r\nSubject: from curl\r\n\r\n.dot\r\n");
        string international = folder.Write("international.eml", $"From: <{Utf8Sender}>\r\nSubject: международный\r\n\r\nтекст\r\n");
        string[] common = ["--silent", "--show-error", "--verbose", "--max-time", "60", "--insecure"];

        await using ToolProcess plain = await ToolProcess.RunAsync(Tool.Find("curl", "curl"),
            [.. common, "--ssl-reqd", "--url", $"smtp://127.0.0.1:{StartTlsPort}/client.test", "--mail-from", "sender@from.test", "--mail-rcpt", "one@to.test", "--mail-rcpt", "two@to.test", "--upload-file", file]);
        await using ToolProcess utf8 = await ToolProcess.RunAsync(Tool.Find("curl", "curl"),
            [.. common, "--url", $"smtps://127.0.0.1:{Relay.Listeners[1].Port}/client.test", "--mail-from", Utf8Sender, "--mail-rcpt", Utf8Recipient, "--upload-file", international],
            environment: new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8" });

        Assert.True(plain.ExitCode == 0, plain.Transcript);
        Assert.True(utf8.ExitCode == 0, utf8.Transcript);
        Assert.Contains(utf8.Errors, static l => l.StartsWith("> MAIL FROM:", StringComparison.Ordinal) && l.EndsWith(" SMTPUTF8", StringComparison.Ordinal));
        await Eventually.True(() => Server.Messages.Where(static m => m.Header("Subject") == "from curl").SelectMany(static m => m.ForwardPaths).Count() == 2, "both recipients of curl's message");
        await Server.MessageAsync(static m => m.ForwardPaths.Any(static to => to.Contains('@', StringComparison.Ordinal) && !to.EndsWith("@to.test", StringComparison.Ordinal)), "the message between internationalized addresses");
    }

    [Fact]
    public async Task Swaks_sends_with_TLS_and_pipelined()
    {
        await using ToolProcess swaks = await Swaks.SendAsync($"127.0.0.1:{StartTlsPort}", "one@to.test,two@to.test", "pipelined", "-tls", "--pipeline");

        Assert.True(swaks.ExitCode == 0, swaks.Transcript);
        await Eventually.True(() => Server.Messages.Where(static m => m.Header("Subject") == "pipelined").SelectMany(static m => m.ForwardPaths).Count() == 2, "both recipients of the pipelined message");
    }

    [Fact]
    public async Task Postfix_relays_through_us_in_TLS_with_every_extension_it_knows()
    {
        int port = FreePort.On("127.0.0.6");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.6", port, $"""
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            relayhost = [127.0.0.1]:{StartTlsPort}
            smtp_tls_security_level = encrypt
            smtp_tls_loglevel = 1
            smtputf8_enable = yes
            debug_peer_list = 127.0.0.1

            """);
        using RawClient client = await RawClient.ConnectAsync(new System.Net.IPEndPoint(System.Net.IPAddress.Parse("127.0.0.6"), port));
        await client.HelloAsync();
        var random = new Random(21);
        TestMessage[] messages = [.. Enumerable.Range(0, 20).Select(i => TestMessage.Create(random, random.Next(2, 50_000), "through Postfix"))];
        foreach (TestMessage message in messages)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
        }

        string content = $"From: <{Utf8Sender}>\r\nSubject: международный\r\n\r\nтекст\r\n";
        await client.SendAsync(Encoding.UTF8.GetBytes($"MAIL FROM:<{Utf8Sender}> SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<{Utf8Recipient}>\r\nDATA\r\n"));
        Assert.Equal(["250", "250", "354"], [(await client.ReplyAsync())[..3], (await client.ReplyAsync())[..3], (await client.ReplyAsync())[..3]]);
        await client.SendAsync(Encoding.UTF8.GetBytes(content));
        Assert.StartsWith("250 ", await client.CommandAsync("."), StringComparison.Ordinal);

        await InternationalizedArrivesAsync();
        foreach (TestMessage message in messages)
        {
            await Server.MessageAsync(arrived => Ledger.IdOf(arrived) == message.Id, "a message through Postfix");
        }

        Assert.Contains("TLS connection established to 127.0.0.1", postfix.Log, StringComparison.Ordinal);
        Assert.Contains("> 127.0.0.1[127.0.0.1]:" + StartTlsPort + ": MAIL FROM:<" + Utf8Sender + "> SIZE=", postfix.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("status=deferred", postfix.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("status=bounced", postfix.Log, StringComparison.Ordinal);
    }

    private async Task InternationalizedArrivesAsync()
    {
        ArrivedMessage arrived = await Server.MessageAsync(static m => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(m.Recipients[0])).Contains(Utf8Recipient, StringComparison.Ordinal), "the message between internationalized addresses");
        Assert.Contains(Utf8Sender, Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(arrived.Sender)), StringComparison.Ordinal);
        Assert.Contains("SMTPUTF8", arrived.Sender, StringComparison.Ordinal);
        Assert.Contains("with UTF8SMTP", arrived.Text, StringComparison.Ordinal);
    }

    /// <summary>MailKit uses BDAT only when it is asked to.</summary>
    private sealed class ChunkingClient(MailKit.IProtocolLogger logger) : SmtpClient(logger)
    {
        protected override bool PreferSendAsBinaryData => true;
    }
}
