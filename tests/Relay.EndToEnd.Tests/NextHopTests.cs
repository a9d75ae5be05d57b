using System.Text;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Real servers of other makers as next hops: one that pipelines and takes chunks, and one that wants one command at a time.</summary>
public sealed class NextHopTests
{
    private const string Address = "127.0.0.8";

    public static TheoryData<string> Peers => ["Postfix", "Exim", "OpenSMTPD"];

    [Theory]
    [MemberData(nameof(Peers))]
    public async Task Mail_arrives_as_it_was_sent_and_over_STARTTLS_where_that_works(string peer)
    {
        await using INextHop hop = await StartAsync(peer);
        await using RelayProcess relay = await RelayProcess.StartAsync(To(hop));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var random = new Random(31);
        // The last has 8-bit text, which all of them take (RFC 6152).
        TestMessage last = TestMessage.Create(random, 2000, "the last");
        Encoding.UTF8.GetBytes("größer\r\n").CopyTo(last.Content, last.Content.Length - 10);
        TestMessage[] messages = [TestMessage.Create(random, 3000), TestMessage.Create(random, 200_000), last];
        foreach (TestMessage message in messages)
        {
            Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", $"user@{hop.Domain}", message.Content), StringComparison.Ordinal);
        }

        await Eventually.Value(() => messages.All(m => Contains(hop, m)) ? "all" : null, () => $"the messages in the mailbox of {peer}\n{hop.Log}");
        await Eventually.True(() => relay.Deliveries.Read().Count(static r => r.Event == "delivered") == messages.Length, "the deliveries in the log");
        IEnumerable<DeliveryRecord> delivered = relay.Deliveries.Read().Where(static r => r.Event == "delivered");
        Assert.All(delivered, r => Assert.Equal(hop.HasTls, r.Line.Contains("\"tls\":{", StringComparison.Ordinal)));
        if (peer == "Exim")
        {
            // Its log says " K " of a message that came by BDAT.
            Assert.Equal(messages.Length, hop.Log.Split('\n').Count(static l => l.Contains(" <= sender@from.test ", StringComparison.Ordinal) && l.Contains(" K ", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [MemberData(nameof(Peers))]
    public async Task One_unknown_user_among_three_is_reported_and_the_others_have_the_mail(string peer)
    {
        await using INextHop hop = await StartAsync(peer);
        await using ScriptedServer sender = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(To(hop).With("from.test", sender.Url));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.CommandAsync("MAIL FROM:<sender@from.test>");
        foreach (string to in new[] { "first", "nobody", "last" })
        {
            Assert.StartsWith("250", await client.CommandAsync($"RCPT TO:<{to}@{hop.Domain}>"), StringComparison.Ordinal);
        }

        Assert.StartsWith("354", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        Assert.StartsWith("250", await client.CommandAsync("Subject: three\r\n\r\nHello\r\n."), StringComparison.Ordinal);

        ArrivedMessage report = await sender.MessageAsync(static _ => true, "the report");
        HeaderList failed = await FailedRecipient.OfAsync(report);
        Assert.Contains($"nobody@{hop.Domain}", failed["Final-Recipient"], StringComparison.Ordinal);
        Assert.StartsWith("5.", failed["Status"], StringComparison.Ordinal);
        await Eventually.True(() => relay.Deliveries.Read().Count(r => r.Event == "delivered" && r.To.EndsWith(hop.Domain, StringComparison.Ordinal)) == 2, "the deliveries to the others");
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(1, sender.Count);
    }

    [Theory]
    [MemberData(nameof(Peers))]
    public async Task Two_hundred_messages_arrive_each_once(string peer)
    {
        const int Messages = 200;
        await using INextHop hop = await StartAsync(peer);
        await using RelayProcess relay = await RelayProcess.StartAsync(To(hop));
        await SmtpSource.SendAsync("127.0.0.1", relay.Port, Messages, 10, 1000, $"box@{hop.Domain}");
        await Eventually.Value(
            () => relay.Deliveries.Read().Count(static r => r.Event == "delivered") == Messages ? "all" : null, () => $"{Messages} deliveries\n{string.Join('\n', relay.Deliveries.Read().TakeLast(3).Select(static r => r.Line))}\n{hop.Log}");
        Assert.Equal(0, await relay.StopAsync());
        Assert.Equal(Messages, relay.Deliveries.Read().Where(static r => r.Event == "delivered").Select(static r => r.To).Distinct(StringComparer.Ordinal).Count());
        // smtp-source's messages each have one Message-ID.
        await Eventually.Value(() => Ids(hop).Count == Messages ? "all" : null, () => $"{Messages} messages in the mailbox of {peer}; there are {Ids(hop).Count}\n{hop.Log}");
        Assert.Equal(Messages, Ids(hop).Distinct(StringComparer.Ordinal).Count());
    }

    [Theory]
    [MemberData(nameof(Peers))]
    public async Task A_message_over_the_size_that_the_server_announces_is_never_sent(string peer)
    {
        await using INextHop hop = await StartAsync(peer);
        await using ScriptedServer sender = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(To(hop).With("from.test", sender.Url));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", $"user@{hop.Domain}", TestMessage.Create(new Random(32), INextHop.SizeLimit + 1000).Content), StringComparison.Ordinal);

        DeliveryRecord bounced = await relay.Deliveries.FindAsync(static r => r.Event == "bounced", "the bounce");
        Assert.Equal("5.3.4", bounced.Json.GetProperty("reply").GetProperty("enhanced").GetString());
        await sender.MessageAsync(static _ => true, "the report");
        Assert.DoesNotContain("from=<sender@from.test>", hop.Log, StringComparison.Ordinal);
    }

    private static async Task<INextHop> StartAsync(string peer)
    {
        int port = FreePort.On(Address);
        return peer switch
        {
            "Postfix" => await PostfixInstance.StartAsync(Address, port, $"""
                message_size_limit = {INextHop.SizeLimit}
                local_header_rewrite_clients =
                virtual_mailbox_maps = regexp:{"{{!/^nobody@/ inbox}}"}
                """),
            "Exim" => await EximInstance.StartAsync(Address, port),
            _ => await OpenSmtpdInstance.StartAsync(Address, port),
        };
    }

    private static RelaySettings To(INextHop hop) => new()
    {
        Routes = new Dictionary<string, string> { [hop.Domain] = $"smtp://{hop.Address}:{hop.Port}" },
        DeliveryTls = "opportunistic",
    };

    /// <summary>Mailboxes have the system's line ends.</summary>
    private static bool Contains(INextHop hop, TestMessage message) => hop.Mailbox.Contains(Encoding.Latin1.GetString(message.Content).ReplaceLineEndings("\n"), StringComparison.Ordinal);

    private static IReadOnlyList<string> Ids(INextHop hop) => [.. hop.Mailbox.Split('\n').Where(static l => l.StartsWith("Message-Id: ", StringComparison.OrdinalIgnoreCase))];
}
