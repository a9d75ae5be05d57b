using System.Globalization;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Clients that we didn't write, in each of the three forms of TLS: none, STARTTLS, implicit.</summary>
public sealed class ClientTests : IAsyncLifetime
{
    private ScriptedServer? _server;
    private RelayProcess? _relay;

    private ScriptedServer Server => _server!;

    private RelayProcess Relay => _relay!;

    private int StartTlsPort => Relay.Listeners[0].Port;

    private int ImplicitPort => Relay.Listeners[1].Port;

    public async ValueTask InitializeAsync()
    {
        _server = ScriptedServer.Start();
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

    [Theory]
    [InlineData(false)]
    [InlineData(false, "-tls")]
    [InlineData(true, "-tlsc")]
    public async Task Swaks_delivers(bool toImplicit, params string[] options)
    {
        int port = toImplicit ? ImplicitPort : StartTlsPort;

        await using ToolProcess swaks = await Swaks.SendAsync($"127.0.0.1:{port}", "user@to.test", "from swaks", options);

        Assert.True(swaks.ExitCode == 0, swaks.Transcript);
        Assert.Contains(swaks.Output, line => line.Contains("250 2.0.0 queued as ", StringComparison.Ordinal));
        ArrivedMessage arrived = await Server.MessageAsync(message => message.Header("Subject") == "from swaks", "the message from swaks");
        Assert.Equal("sender@from.test", arrived.ReversePath);
        Assert.Equal(["user@to.test"], arrived.ForwardPaths);
    }

    [Theory]
    [InlineData(false, SecureSocketOptions.None)]
    [InlineData(false, SecureSocketOptions.StartTls)]
    [InlineData(true, SecureSocketOptions.SslOnConnect)]
    public async Task MailKit_delivers_to_two_recipients(bool toImplicit, SecureSocketOptions security)
    {
        var message = new MimeMessage();
        message.From.Add(new MailboxAddress("Sönder", "sender@from.test"));
        message.To.Add(new MailboxAddress(null, "one@to.test"));
        message.To.Add(new MailboxAddress(null, "two@to.test"));
        message.Subject = "Grüße";
        message.Body = new TextPart("plain") { Text = ".leading dot\r\n..two\r\nÄ\r\n" };
        using var client = new SmtpClient { ServerCertificateValidationCallback = (_, certificate, _, _) => certificate is not null };
        await client.ConnectAsync("127.0.0.1", toImplicit ? ImplicitPort : StartTlsPort, security, TestContext.Current.CancellationToken);

        string reply = await client.SendAsync(message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(quit: true, TestContext.Current.CancellationToken);

        Assert.StartsWith("2.0.0 queued as ", reply, StringComparison.Ordinal);
        await Eventually.True(() => Server.Messages.SelectMany(arrived => arrived.ForwardPaths).Count() == 2, "both recipients served");
        Assert.Equal(["one@to.test", "two@to.test"], Server.Messages.SelectMany(arrived => arrived.ForwardPaths).Order());
        using var content = new MemoryStream(Server.Messages[0].Content);
        MimeMessage arrived = await MimeMessage.LoadAsync(content, TestContext.Current.CancellationToken);
        Assert.Equal("Grüße", arrived.Subject);
        Assert.Equal(".leading dot\r\n..two\r\nÄ\r\n", arrived.TextBody!.ReplaceLineEndings("\r\n"));
        Assert.Equal(message.MessageId, arrived.MessageId);
    }

    [Theory]
    [InlineData(true, "-tls1_2")]
    [InlineData(true, "-tls1_3")]
    [InlineData(false, "-tls1_2")]
    [InlineData(false, "-tls1_3")]
    public async Task OpenSSL_sees_a_clean_close_after_QUIT(bool toImplicit, string version)
    {
        string port = (toImplicit ? ImplicitPort : StartTlsPort).ToString(CultureInfo.InvariantCulture);
        string[] startTls = toImplicit ? [] : ["-starttls", "smtp"];

        await using ToolProcess openssl = await ToolProcess.RunAsync(
            Tool.Find("openssl", "openssl"), ["s_client", "-quiet", "-crlf", version, .. startTls, "-connect", $"127.0.0.1:{port}"], input: "EHLO client.test\nQUIT\n");

        Assert.True(openssl.ExitCode == 0, openssl.Transcript);
        Assert.Contains(openssl.Output, line => line.StartsWith("221 2.0.0", StringComparison.Ordinal));
        Assert.DoesNotContain("unexpected eof", openssl.Transcript, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(openssl.Errors, line => line.Contains("error:", StringComparison.OrdinalIgnoreCase) && !line.Contains("verify error:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task STARTTLS_is_offered_in_clear_and_neither_inside_TLS_nor_on_the_implicit_port()
    {
        await using ToolProcess upgraded = await Swaks.SendAsync($"127.0.0.1:{StartTlsPort}", "user@to.test", "x", "-tls", "--quit-after", "EHLO");
        Assert.Equal(["<-  250-STARTTLS"], upgraded.Output.Select(line => line.Trim()).Where(line => line.Contains("250-STARTTLS", StringComparison.Ordinal)));

        await using ToolProcess inTls = await Swaks.SendAsync($"127.0.0.1:{ImplicitPort}", "user@to.test", "x", "-tlsc", "--quit-after", "EHLO");
        Assert.Contains(inTls.Output, line => line.Contains("250-PIPELINING", StringComparison.Ordinal));
        Assert.DoesNotContain(inTls.Output, line => line.Contains("STARTTLS", StringComparison.Ordinal));
    }
}
