using System.Text;
using MailKit;
using MailKit.Net.Imap;
using MailKit.Net.Pop3;
using MailKit.Security;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>The end of the chain: mail handed to a delivery agent by LMTP and read by its owner; and a smart host that wants to know who we are.</summary>
public sealed class DovecotTests
{
    private const string Address = "127.0.0.7";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Mail_handed_over_by_LMTP_is_read_by_IMAP_and_POP3_as_it_was_sent(bool unixSocket)
    {
        await using DovecotInstance dovecot = await DovecotInstance.StartAsync(Address);
        await using RelayProcess relay = await RelayProcess.StartAsync(To(dovecot, unixSocket));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random(21);
        // In memory, larger than what may be in memory, and one more behind them on the same connection.
        TestMessage[] messages = [TestMessage.Create(random, 3000), TestMessage.Create(random, 300_000), TestMessage.Create(random, 2)];
        foreach (TestMessage message in messages)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@dove.test", message.Content), StringComparison.Ordinal);
        }

        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event == "delivered") == messages.Length, "the deliveries");
        foreach (byte[][] mailbox in new[] { await ByImapAsync(dovecot, "user"), await ByPop3Async(dovecot, "user") })
        {
            Assert.Equal(messages.Select(static m => m.Hash).Order(), mailbox.Select(m => TestMessage.HashOf(Original(m))).Order());
            Assert.All(mailbox, static m => Assert.StartsWith("Return-Path: <sender@from.test>\r\n", Encoding.Latin1.GetString(m), StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task L12_each_recipient_has_an_outcome_of_its_own()
    {
        await using DovecotInstance dovecot = await DovecotInstance.StartAsync(Address);
        await using ScriptedServer sender = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(To(dovecot, unixSocket: false).With("from.test", sender.Url));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        TestMessage message = TestMessage.Create(new Random(22), 2000, "for four");

        await client.CommandAsync("MAIL FROM:<sender@from.test>");
        foreach (string to in new[] { "user", "nobody", "other", "third" })
        {
            Assert.StartsWith("250", await client.CommandAsync($"RCPT TO:<{to}@dove.test>"), StringComparison.Ordinal);
        }

        Assert.StartsWith("354", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        await client.SendAsync(RawClient.Stuff(message.Content));
        Assert.StartsWith("250", await client.CommandAsync("."), StringComparison.Ordinal);

        ArrivedMessage report = await sender.MessageAsync(static _ => true, "the report");
        Assert.Equal("", report.ReversePath);
        HeaderList failed = await FailedRecipient.OfAsync(report);
        Assert.Contains("nobody@dove.test", failed["Final-Recipient"], StringComparison.Ordinal);
        Assert.Equal("5.1.1", failed["Status"]);
        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event == "delivered" && r.To.EndsWith("@dove.test", StringComparison.Ordinal)) == 3, "the others' deliveries");
        foreach (string user in DovecotInstance.Users)
        {
            Assert.Equal(message.Hash, TestMessage.HashOf(Original(Assert.Single(await ByImapAsync(dovecot, user)))));
        }

        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(1, sender.Count);
    }

    [Theory]
    [InlineData("plain login scram-sha-256", "SCRAM-SHA-256")]
    [InlineData("plain login", "PLAIN")]
    [InlineData("login", "LOGIN")]
    public async Task A_smart_host_that_asks_who_we_are_takes_the_mail(string offered, string used)
    {
        await using DovecotInstance dovecot = await DovecotInstance.StartAsync(Address, offered);
        await using PostfixInstance postfix = await SmartHostAsync(dovecot);
        using var folder = new TempFolder();
        await using RelayProcess relay = await RelayProcess.StartAsync(To(postfix, folder.Write("password", DovecotInstance.Password)));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        TestMessage message = TestMessage.Create(new Random(23), 4000);

        await client.SendMessageAsync("sender@from.test", $"user@{PostfixInstance.Domain}", message.Content);

        await Eventually.Value(
            () => postfix.Mailbox.Contains($"{TestMessage.IdHeader}: {message.Id}", StringComparison.Ordinal) ? "there" : null, () => $"the message in Postfix's mailbox\n{postfix.Log}\n{dovecot.Log}");
        Assert.Contains($"sasl_method={used}, sasl_username=user@dove.test", postfix.Log, StringComparison.Ordinal);
        DeliveryRecord delivered = await relay.Deliveries.FindAsync(static r => r.Event == "delivered", "the delivery");
        Assert.NotEqual(System.Text.Json.JsonValueKind.Null, delivered.Json.GetProperty("tls").ValueKind);
    }

    [Fact]
    public async Task A_password_that_the_smart_host_refuses_makes_the_mail_wait_with_its_words()
    {
        await using DovecotInstance dovecot = await DovecotInstance.StartAsync(Address);
        await using PostfixInstance postfix = await SmartHostAsync(dovecot);
        using var folder = new TempFolder();
        await using RelayProcess relay = await RelayProcess.StartAsync(To(postfix, folder.Write("password", "a wrong one")));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        TestMessage message = TestMessage.Create(new Random(24), 4000);

        await client.SendMessageAsync("sender@from.test", $"user@{PostfixInstance.Domain}", message.Content);

        DeliveryRecord deferred = await relay.Deliveries.FindAsync(static r => r.Event == "deferred", "the deferral");
        Assert.Contains("535 5.7.8", deferred.Line, StringComparison.Ordinal);
        Assert.Contains("let us log in", deferred.Line, StringComparison.Ordinal);
        Assert.Contains(relay.Errors, static line => line.Contains("warn: relay[221]", StringComparison.Ordinal) && line.Contains("535 5.7.8", StringComparison.Ordinal));
        Assert.DoesNotContain(relay.Errors, static line => line.Contains("a wrong one", StringComparison.Ordinal));
        // The password is put right, and nothing is lost.
        Assert.Equal(0, await relay.StopAsync());
        folder.Write("password", DovecotInstance.Password);
        await relay.RestartAsync();
        await Eventually.True(() => postfix.Mailbox.Contains($"{TestMessage.IdHeader}: {message.Id}", StringComparison.Ordinal), "the message in Postfix's mailbox");
    }

    private static RelaySettings To(DovecotInstance dovecot, bool unixSocket) => new()
    {
        Routes = new Dictionary<string, string> { ["dove.test"] = unixSocket ? $"lmtp+unix://{dovecot.LmtpSocket}" : $"lmtp://{dovecot.Address}:{dovecot.LmtpPort}" },
    };

    private static RelaySettings To(PostfixInstance postfix, string passwordFile) => RelaySettings.SmartHost(postfix.Address, postfix.Port) with
    {
        DeliveryTls = "required",
        RouteMore = $"""
            user = "user@dove.test"
            password = {"{"} file = "{passwordFile}" {"}"}
            """,
    };

    /// <summary>A Postfix that takes nothing from strangers, by Dovecot's word.</summary>
    private static Task<PostfixInstance> SmartHostAsync(DovecotInstance dovecot) => PostfixInstance.StartAsync("127.0.0.5", FreePort.On("127.0.0.5"), $"""
        smtpd_sasl_auth_enable = yes
        smtpd_sasl_type = dovecot
        smtpd_sasl_path = {dovecot.SaslSocket}
        smtpd_sasl_security_options = noanonymous
        smtpd_tls_auth_only = yes
        smtpd_relay_restrictions = permit_sasl_authenticated, reject
        """);

    private static async Task<byte[][]> ByImapAsync(DovecotInstance dovecot, string user)
    {
        using var client = new ImapClient();
        await client.ConnectAsync(dovecot.Address, dovecot.ImapPort, SecureSocketOptions.None, TestContext.Current.CancellationToken);
        await client.AuthenticateAsync($"{user}@{DovecotInstance.Domain}", DovecotInstance.Password, TestContext.Current.CancellationToken);
        await client.Inbox!.OpenAsync(FolderAccess.ReadOnly, TestContext.Current.CancellationToken);
        var messages = new List<byte[]>();
        for (int i = 0; i < client.Inbox.Count; i++)
        {
            await using Stream stream = await client.Inbox.GetStreamAsync(i, TestContext.Current.CancellationToken);
            messages.Add(await AllAsync(stream));
        }

        await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
        return [.. messages];
    }

    private static async Task<byte[][]> ByPop3Async(DovecotInstance dovecot, string user)
    {
        using var client = new Pop3Client();
        await client.ConnectAsync(dovecot.Address, dovecot.Pop3Port, SecureSocketOptions.None, TestContext.Current.CancellationToken);
        await client.AuthenticateAsync($"{user}@{DovecotInstance.Domain}", DovecotInstance.Password, TestContext.Current.CancellationToken);
        var messages = new List<byte[]>();
        for (int i = 0; i < client.Count; i++)
        {
            await using Stream stream = await client.GetStreamAsync(i, cancellationToken: TestContext.Current.CancellationToken);
            messages.Add(await AllAsync(stream));
        }

        await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
        return [.. messages];
    }

    private static async Task<byte[]> AllAsync(Stream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, TestContext.Current.CancellationToken);
        return all.ToArray();
    }

    /// <summary>What the client had handed in: without what relay and delivery agent put on top.</summary>
    private static byte[] Original(byte[] message) => message[message.AsSpan().IndexOf("From: <sender@from.test>\r\n"u8)..];
}
