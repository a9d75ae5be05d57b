using System.Net;
using System.Security.Cryptography.X509Certificates;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>The peers and the bookkeeping without a relay between them: a test of the relay proves no more than these do.</summary>
public sealed class HarnessTests
{
    [Fact]
    public async Task Smtp_sink_shows_every_recipient_that_smtp_source_sent_to()
    {
        int port = FreePort.On("127.0.0.2");
        await using SmtpSink sink = await SmtpSink.StartAsync("127.0.0.2", port);

        await SmtpSource.SendAsync("127.0.0.2", port, messages: 500, sessions: 10, length: 4096, to: "box@a.test");

        await Eventually.True(() => sink.Recipients().Count >= 500, "500 messages in the sink");
        Assert.Equal(Enumerable.Range(1, 500).Select(i => $"{i}box@a.test").Order(), sink.Recipients().Order());
    }

    [Fact]
    public async Task Dnsmasq_answers_with_the_mail_exchangers_and_their_addresses()
    {
        await using DnsServer dns = await DnsServer.StartAsync(("a.test", 10, "mx.a.test", "127.0.0.2"));
        IPEndPoint server = IPEndPoint.Parse(dns.EndPoint);
        using var udp = new System.Net.Sockets.UdpClient();
        // a.test MX, id 0x1234, recursion desired (RFC 1035 §4.1).
        byte[] question = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, (byte)'a', 4, .. "test"u8, 0, 0, 15, 0, 1];

        await udp.SendAsync(question, server, TestContext.Current.CancellationToken);

        byte[] answer = (await udp.ReceiveAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Eventually.Soon, TimeProvider.System, TestContext.Current.CancellationToken)).Buffer;
        Assert.Equal(1, answer[7]);
        Assert.True(answer.AsSpan().IndexOf((ReadOnlySpan<byte>)[127, 0, 0, 2]) > 0, "the additional section carries the address");
    }

    [Fact]
    public async Task A_private_Postfix_takes_mail_over_STARTTLS_into_its_mailbox()
    {
        int port = FreePort.On("127.0.0.5");
        await using PostfixInstance postfix = await PostfixInstance.StartAsync("127.0.0.5", port);

        await using ToolProcess swaks = await Swaks.SendAsync($"127.0.0.5:{port}", $"user@{PostfixInstance.Domain}", "postfix alone", "-tls");

        Assert.True(swaks.ExitCode == 0, swaks.Transcript);
        await Eventually.True(() => postfix.Mailbox.Contains("Subject: postfix alone", StringComparison.Ordinal), "the message in the mailbox");
        Assert.Contains("TLS connection established from", postfix.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_scripted_server_keeps_the_very_bytes_that_MailKit_sends(bool chunking)
    {
        using X509Certificate2 certificate = SelfSigned.Create("mx.test");
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { Certificate = certificate, Chunking = chunking });
        MimeMessage message = TextMessage("..\r\n.\r\n.x\r\nbody\r\n");
        using SmtpClient client = chunking ? new ChunkingClient() : new SmtpClient();
        client.ServerCertificateValidationCallback = (_, offered, _, _) => offered is not null;
        await client.ConnectAsync("127.0.0.1", server.Port, SecureSocketOptions.StartTls, TestContext.Current.CancellationToken);

        await client.SendAsync(message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(quit: true, TestContext.Current.CancellationToken);

        ArrivedMessage arrived = Assert.Single(server.Messages);
        Assert.True(arrived.Encrypted);
        Assert.Equal("sender@from.test", arrived.ReversePath);
        Assert.Equal(["user@to.test"], arrived.ForwardPaths);
        Assert.EndsWith("\r\n\r\n..\r\n.\r\n.x\r\nbody\r\n", arrived.Text, StringComparison.Ordinal);
        Assert.Equal(chunking, server.Commands.Any(command => command.StartsWith("BDAT", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_raw_client_and_the_scripted_server_agree_on_every_byte()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        var random = new Random(1);
        List<TestMessage> sent = [.. Enumerable.Range(0, 200).Select(i => TestMessage.Create(random, 2 + (i * 97)))];
        var ledger = new Ledger();
        using RawClient client = await RawClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port));
        await client.HelloAsync();

        foreach (TestMessage message in sent)
        {
            Assert.StartsWith("250", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content, () => ledger.Sent(message)), StringComparison.Ordinal);
            ledger.Acknowledge(message);
        }

        Assert.Equal(new LedgerSummary(200, 200, 0, 0, 1, 0, 0), ledger.Summarise(server.Messages));
    }

    [Fact]
    public void The_ledger_tells_lost_altered_repeated_and_ghost_messages_apart()
    {
        var random = new Random(2);
        TestMessage[] messages = [.. Enumerable.Range(0, 5).Select(_ => TestMessage.Create(random, 100))];
        var ledger = new Ledger();
        Array.ForEach(messages, ledger.Sent);
        Array.ForEach(messages[..4], ledger.Acknowledge);
        byte[] changed = [.. messages[2].Content];
        changed[^3] ^= 1;

        LedgerSummary summary = ledger.Summarise([
            Arrived(messages[0].Content),
            Arrived([.. "Received: from a\r\n\tby b;\r\n\tnow\r\n"u8, .. messages[1].Content]),
            Arrived(messages[1].Content),
            Arrived(changed),
            Arrived(messages[4].Content),
        ]);

        Assert.Equal("acked 4, delivered 4 unique, lost 1, duplicated 1 (max 2), altered 1, ghosts 1", summary.ToString());
    }

    [Theory]
    [InlineData("in order", 0, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0) = 9", "11 fdatasync(9</s/log>) = 0", "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("overtaken, in order", 0, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0 <unfinished ...>", "10 <... pwrite64 resumed>) = 9", "11 fdatasync(9</s/log> <unfinished ...>",
        "11 <... fdatasync resumed>) = 0", "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("never synced", 1, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0) = 9", "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("never written", 1, "11 fdatasync(9</s/log>) = 0", "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("another file synced", 1, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0) = 9", "11 fdatasync(8</s/other>) = 0", "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("sync failed", 1, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0) = 9", "11 fdatasync(9</s/log>) = -1 EIO (Input/output error)",
        "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("sync began before the write ended", 1, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0 <unfinished ...>", "11 fdatasync(9</s/log> <unfinished ...>", "10 <... pwrite64 resumed>) = 9",
        "11 <... fdatasync resumed>) = 0", "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0) = 23")]
    [InlineData("sync ended after the send began", 1, "10 pwrite64(9</s/log>, \"..MARK-1..\", 9, 0) = 9", "11 fdatasync(9</s/log> <unfinished ...>",
        "12 sendto(7<socket:[5]>, \"250 2.0.0 queued as ID1\\r\\n\", 23, 0, NULL, 0 <unfinished ...>", "11 <... fdatasync resumed>) = 0", "12 <... sendto resumed>) = 23")]
    public void The_order_audit_finds_every_250_that_came_too_early(string what, int violations, params string[] trace)
    {
        OrderAudit audit = OrderAudit.Of(trace, new Dictionary<string, string> { ["ID1"] = "MARK-1" });

        Assert.Equal((what, 1, violations), (what, audit.Audited, audit.Violations.Count));
    }

    private static ArrivedMessage Arrived(byte[] content) => new("<sender@from.test>", ["<user@to.test>"], content, Encrypted: false, At: 0);

    private static MimeMessage TextMessage(string body)
    {
        var message = new MimeMessage();
        message.From.Add(new MailboxAddress(null, "sender@from.test"));
        message.To.Add(new MailboxAddress(null, "user@to.test"));
        message.Subject = "bytes";
        message.Body = new TextPart("plain") { Text = body };
        return message;
    }

    private sealed class ChunkingClient : SmtpClient
    {
        protected override bool PreferSendAsBinaryData => true;
    }
}
