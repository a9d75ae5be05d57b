using System.Globalization;
using System.Text;
using System.Text.Json;
using Relay.Flow;
using Relay.Protocol.Message;
using Relay.Tests.Dkim;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Milter;

/// <summary>What milters change of a message is what is stored, signed and delivered.</summary>
public sealed class MilterEditTests
{
    [Theory]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\nX-New: one\r\n\ttwo\r\n\r\nHello\r\n", "hX-New\0one\ntwo\n\0")]
    [InlineData("X-Top: 1\r\nRECEIVED|Subject: test\r\nFrom: a@from.example\r\n\r\nHello\r\n", "i\0\0\0\0X-Top\u00001\0")]
    [InlineData("RECEIVED|X-Next: 1\r\nSubject: test\r\nFrom: a@from.example\r\n\r\nHello\r\n", "i\0\0\0\u0001X-Next\u00001\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\nX-Last: 1\r\n\r\nHello\r\n", "i\0\0\u0001\0X-Last\u00001\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\nX-A: two\r\nX-B: b\r\n\r\nHello\r\n", "hX-A\0one\0", "hX-B\0b\0", "m\0\0\0\u0001X-A\0two\0")]
    [InlineData("X-Two: b\r\nX-One: a\r\nRECEIVED|Subject: test\r\nFrom: a@from.example\r\n\r\nHello\r\n", "i\0\0\0\0X-One\0a\0", "i\0\0\0\0X-Two\0b\0")]
    [InlineData("RECEIVED|subject: [spam] test\r\nFrom: a@from.example\r\n\r\nHello\r\n", "m\0\0\0\u0001subject\0[spam] test\0")]
    [InlineData("RECEIVED|From: a@from.example\r\n\r\nHello\r\n", "m\0\0\0\u0001Subject\0\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\n\r\nHello\r\n", "m\0\0\0\u0002Subject\0\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\nX: y\r\n\r\nHello\r\n", "m\0\0\0\u0001X\0y\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\nReceived: of the milter\r\n\r\nHello\r\n", "m\0\0\0\u0001Received\0of the milter\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\nX: a\r\n\tEvil: b\r\n\tbody\r\n\r\nHello\r\n", "hX\0a\r\nEvil: b\r\n\r\nbody\0")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\n\r\nNew\r\nbody.\r\n.\r\n", "bNew\nbo", "bdy.\r\n", "b.")]
    [InlineData("RECEIVED|Subject: test\r\nFrom: a@from.example\r\n\r\n", "b")]
    public async Task A_change_of_the_message_is_delivered(string expected, params string[] changes)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == 'E' ? [.. changes, "c"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        Assert.StartsWith("250 2.0.0 queued", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");

        string body = relay.Server.Mail.Single().Body;
        int at = body.IndexOf("Received: from ", StringComparison.Ordinal);
        int end = at;
        do
        {
            end = body.IndexOf("\r\n", end, StringComparison.Ordinal) + 2;
        }
        while (body[end] is ' ' or '\t');
        Assert.Equal(expected.Replace("RECEIVED|", "|", StringComparison.Ordinal), string.Concat(body.AsSpan(0, at), "|", body.AsSpan(end)));
    }

    [Fact]
    public async Task The_second_milter_sees_what_the_first_has_made()
    {
        var first = new ScriptedMilter("first") { Answer = static c => c[0] == 'E' ? ["m\0\0\0\u0001Subject\0\0", "hX-First\u0000yes\0", "bnew body\r\n", "c"] : null };
        var second = new ScriptedMilter("second");
        await using EngineFixture relay = await MilterSession.StartAsync([first, second]);
        await using TestClient client = relay.Connect();
        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);

        Assert.Equal(["LFrom|a@from.example|", "LX-First|yes|", "Bnew body\r\n"], second.Heard.Where(static h => h[0] is 'L' or 'B'));
    }

    [Fact]
    public async Task Sender_and_recipients_are_those_that_the_milter_wants()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'E' ? ["e<bounces@from.example>\0", "+c@to.example\0", "2<d@to.example>\0NOTIFY=NEVER\0", "-<b@TO.example>\0", "+<b@to.example>\0", "-<x@to.example>\0", "c"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@from.example> RET=HDRS ENVID=e1", "250");
        await client.SayAsync("RCPT TO:<b@to.example>", "250");
        await client.SayAsync("RCPT TO:<x@to.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("x\r\n.", "250");
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");

        ReceivedMail mail = relay.Server.Mail.Single();
        Assert.Equal("bounces@from.example", mail.From);
        Assert.Equal(["b@to.example", "c@to.example", "d@to.example"], mail.Recipients);
    }

    [Fact]
    public async Task The_signature_covers_what_the_milter_made_of_the_message()
    {
        using var keys = new TestKeys();
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'E' ? ["m\0\0\0\u0001Subject\0changed\0", "bnew body\r\n", "c"] : null };
        await using var relay = new EngineFixture { Milters = [milter] };
        relay.Options = relay.Options with { Milters = [milter.Options], Dkim = [keys.Add("from.example", "s1", from: "from.example")] };
        relay.Dns.Mx("to.example", (10, "mx.to.example")).Host("mx.to.example", "192.0.2.1");
        await relay.StartAsync();
        await using TestClient client = relay.Connect();
        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");

        string body = relay.Server.Mail.Single().Body;
        Assert.StartsWith("DKIM-Signature: ", body, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nnew body\r\n", body, StringComparison.Ordinal);
        Assert.Equal(1, keys.Verify(Encoding.Latin1.GetBytes(body)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30_000)]
    public async Task A_large_message_is_changed_and_signed_in_its_file_and_shown_whole(int newLines)
    {
        using var keys = new TestKeys();
        string line = "a line of a large message\r\n";
        string[] pieces = [.. Enumerable.Repeat("b" + string.Concat(Enumerable.Repeat(line, 1000)), newLines / 1000)];
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == 'E' ? ["hX-Checked\0yes\0", .. pieces, "c"] : null };
        await using var relay = new EngineFixture { Milters = [milter] };
        relay.Options = relay.Options with { Milters = [milter.Options], Dkim = [keys.Add("from.example", "s1", from: "from.example")] };
        relay.Dns.Mx("to.example", (10, "mx.to.example")).Host("mx.to.example", "192.0.2.1");
        await relay.StartAsync();
        await using TestClient client = relay.Connect();
        string text = string.Concat(Enumerable.Range(0, 30_000).Select(static i => i.ToString("D8", CultureInfo.InvariantCulture) + " of many lines\r\n"));
        Assert.StartsWith("250 ", await MilterSession.TryAsync(client, "From: a@from.example\r\n\r\n" + text), StringComparison.Ordinal);
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");

        Assert.Equal(text, string.Concat(milter.Heard.Where(static h => h[0] == 'B').Select(static h => h[1..])));
        string body = relay.Server.Mail.Single().Body;
        Assert.Equal(1, keys.Verify(Encoding.Latin1.GetBytes(body)));
        Assert.EndsWith("From: a@from.example\r\nX-Checked: yes\r\n\r\n" + (newLines == 0 ? text : string.Concat(Enumerable.Repeat(line, newLines))), body, StringComparison.Ordinal);
        await Eventually.True(() => Directory.GetFiles(relay.Options.Spool.Paths[0], "*.msg").Length <= 1, "what was written in between is gone");
    }

    [Fact]
    public async Task A_quarantined_message_is_held_with_its_reason_over_a_restart_until_it_is_released()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'E' ? ["qlooks bad\0", "hX\u0000y\0", "c"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        string id;
        await using (TestClient client = relay.Connect())
        {
            id = (await MilterSession.TryAsync(client))["250 2.0.0 queued as ".Length..];
            await client.SayAsync("QUIT", "221");
        }

        await relay.PassTimeUntil(() => relay.Log("held").Count == 1, "the record");
        Assert.Equal("milter one: looks bad", relay.Log("held")[0].GetProperty("reply").GetProperty("text").GetString());
        await relay.RestartAsync();
        await relay.PassTimeUntil(() => Find(relay, id) is not null, "the message after the restart");
        await relay.PassTimeUntil(() => relay.Engine.Why("to.example", out _)?.Limit == "held", "that it is held");
        RecipientStatus status = Find(relay, id)!.Recipients[0];
        Assert.Equal(("held", "held on arrival by milter one: looks bad"), (status.State, status.Why));
        Assert.Empty(relay.Server.Mail);

        Assert.True(QueueSelector.TryParse(id, out QueueSelector? selector));
        Task<OrderAnswer> answer = relay.Engine.OrderAsync(QueueOrder.Release, selector, "a test", CancellationToken.None);
        await relay.PassTimeUntil(() => answer.IsCompleted, "the answer");
        Assert.Equal(1, (await answer).Messages);
        await relay.PassTimeUntil(() => relay.Log("delivered").Count == 1, "the delivery");
        Assert.Null(Find(relay, id));
    }

    [Theory]
    [InlineData('M')]
    [InlineData('R')]
    [InlineData('T')]
    [InlineData('L')]
    [InlineData('N')]
    [InlineData('B')]
    [InlineData('E')]
    public async Task What_is_to_be_discarded_is_taken_and_thrown_away_and_the_log_says_so(char command)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == command ? ["d"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        string reply = await MilterSession.TryAsync(client);
        Assert.StartsWith("250 2.0.0 queued as ", reply, StringComparison.Ordinal);
        await relay.PassTimeUntil(() => relay.Log().Count > 0, "the record");

        JsonElement record = Assert.Single(relay.Log());
        Assert.Equal("discarded", record.GetProperty("event").GetString());
        Assert.Equal(reply["250 2.0.0 queued as ".Length..], record.GetProperty("id").GetString());
        Assert.Equal("b@to.example", record.GetProperty("to").GetString());
        Assert.Equal("milter one discards it", record.GetProperty("reply").GetProperty("text").GetString());

        // The next one isn't.
        milter.Answer = static _ => null;
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        await client.SayAsync("RCPT TO:<b@to.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("x\r\n.", "250");
        await relay.PassTimeUntil(() => relay.Log("received").Count == 1, "the next one");
    }

    [Fact]
    public async Task With_no_recipient_left_nothing_is_delivered_and_the_log_says_so()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'E' ? ["-<b@to.example>\0", "c"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        Assert.StartsWith("250 2.0.0 queued as ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await relay.PassTimeUntil(() => relay.Log().Count > 0, "the record");

        Assert.Equal("discarded", Assert.Single(relay.Log()).GetProperty("event").GetString());
    }

    private static MessageStatus? Find(EngineFixture relay, string id)
    {
        Assert.True(QueueId.TryParse(id, out QueueId parsed));
        return relay.Engine.Find(parsed, header: false);
    }
}
