using Relay.Protocol.Milter;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Milter;

/// <summary>What a milter hears when, and what becomes of each of its answers in each stage.</summary>
public sealed class MilterStageTests
{
    [Fact]
    public async Task A_milter_hears_all_of_a_session_with_its_macros_in_order()
    {
        var milter = new ScriptedMilter("one");
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 2.0.0 queued as ", await MilterSession.TryAsync(client, "Subject: folded\r\n\tover lines\r\nX-Empty:\r\nFrom:  a@from.example\r\n\r\nHello\r\n"), StringComparison.Ordinal);
        await client.SayAsync("QUIT", "221");
        await Eventually.True(() => milter.Letters.EndsWith('Q'), "the farewell");

        await relay.PassTimeUntil(() => relay.Log("received").Count == 1, "the record");
        string id = relay.Log("received")[0].GetProperty("id").GetString()!;
        string[] heard = [.. milter.Heard];
        Assert.StartsWith("O", heard[0], StringComparison.Ordinal);
        Assert.Equal(
        [
            "DCj=relay.example.net|{daemon_name}=relay.example.net|{daemon_addr}=127.0.0.1|{daemon_port}=25|v=Relay|_=localhost [127.0.0.1]|{client_addr}=127.0.0.1|{client_name}=localhost|{client_port}=40000|{client_ptr}=localhost|",
            "Clocalhost|4\u009c@127.0.0.1|",
            "Hclient.example|",
            "DM{mail_addr}=a@from.example|{mail_host}=from.example|{mail_mailer}=smtp|",
            "M<a@from.example>|",
            "DR{rcpt_addr}=b@to.example|{rcpt_host}=to.example|{rcpt_mailer}=smtp|",
            "R<b@to.example>|",
            $"DTi={id}|",
            "T",
            "LSubject|folded\n\tover lines|",
            "LX-Empty||",
            "LFrom| a@from.example|",
            $"DNi={id}|",
            "N",
            "BHello\r\n",
            $"DEi={id}|",
            "E",
            "Q",
        ], heard[1..]);
    }

    [Fact]
    public async Task Parameters_come_one_by_one_and_header_values_with_their_space_where_that_was_negotiated()
    {
        var milter = new ScriptedMilter("one") { Steps = MilterSteps.LeadingSpace };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<\"a>b\"@from.example> SIZE=100  BODY=8BITMIME", "250");
        await client.SayAsync("RCPT TO:<b@to.example> NOTIFY=NEVER", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("Subject:  two\r\nX:none\r\n\r\n.", "250");

        Assert.Contains("M<\"a>b\"@from.example>|SIZE=100|BODY=8BITMIME|", milter.Heard);
        Assert.Contains("R<b@to.example>|NOTIFY=NEVER|", milter.Heard);
        Assert.Contains("LSubject|  two|", milter.Heard);
        Assert.Contains("LX|none|", milter.Heard);
    }

    [Theory]
    [InlineData('C', "r", "554 refused by a content filter")]
    [InlineData('C', "t", "421 not now, try again later")]
    [InlineData('C', "y550 5.7.1 go away\0", "554 go away")]
    [InlineData('C', "y421 4.7.0 later\0", "421 later")]
    [InlineData('H', "r", "550 5.7.1 refused by a content filter")]
    [InlineData('H', "t", "451 4.7.1 not now, try again later")]
    [InlineData('M', "r", "550 5.7.1 refused by a content filter")]
    [InlineData('M', "y553 no\0", "553 5.7.1 no")]
    [InlineData('M', "4", "421 4.7.0 closing, try again later")]
    [InlineData('R', "t", "451 4.7.1 not now, try again later")]
    [InlineData('R', "y550-5.1.1 two\r\n550 5.1.1 lines\0", "550-5.1.1 two\n550 5.1.1 lines")]
    [InlineData('T', "r", "550 5.7.1 refused by a content filter")]
    [InlineData('L', "y451 4.7.1 100%% greylisted\0", "451 4.7.1 100% greylisted")]
    [InlineData('N', "r", "550 5.7.1 refused by a content filter")]
    [InlineData('B', "t", "451 4.7.1 not now, try again later")]
    [InlineData('E', "r", "550 5.7.1 refused by a content filter")]
    [InlineData('E', "t", "451 4.7.1 not now, try again later")]
    [InlineData('E', "y554 5.7.1 Gtube pattern\u00e9\0", "554 5.7.1 Gtube pattern?")]
    public async Task A_refusal_is_told_in_its_stage_and_nothing_is_kept(char command, string answer, string expected)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == command ? [answer] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.Equal(expected, await MilterSession.TryAsync(client));
        if (expected.StartsWith("421", StringComparison.Ordinal))
        {
            await relay.PassTimeUntil(() => client.Session.IsCompleted, "the end");
        }
        else if (command != 'C')
        {
            milter.Answer = static _ => null;
            await client.SayAsync("EHLO client.example", "250");
            await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        }

        Assert.Empty(relay.Log());
    }

    [Theory]
    [InlineData('C', "OC")]
    [InlineData('H', "OCH")]
    [InlineData('M', "OCHM")]
    [InlineData('R', "OCHMR")]
    [InlineData('T', "OCHMRT")]
    [InlineData('L', "OCHMRTL")]
    [InlineData('N', "OCHMRTLLN")]
    [InlineData('B', "OCHMRTLLNB")]
    [InlineData('E', "OCHMRTLLNBE")]
    public async Task A_milter_that_accepts_hears_no_more_of_it(char command, string expected)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == command ? ["a"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await client.SayAsync("MAIL FROM:<next@from.example>", "250");
        Assert.Equal(command is 'C' or 'H' ? expected : expected + (command == 'E' ? "M" : "AM"), milter.Letters);
    }

    [Fact]
    public async Task Only_the_recipient_that_is_refused_is_refused()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c.StartsWith("R<no@", StringComparison.Ordinal) ? ["y550 5.1.1 nobody here\0"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        await client.SayAsync("RCPT TO:<no@to.example>", "550 5.1.1 nobody here");
        await client.SayAsync("DATA", "554 5.5.1");
        await client.SayAsync("RCPT TO:<yes@to.example>", "250");
        await client.SayAsync("RCPT TO:<no@to.example>", "550");
        await client.SayAsync("RCPT TO:<yes@to.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync("x\r\n.", "250");
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");

        Assert.Equal(["yes@to.example"], relay.Server.Mail.Single().Recipients);
    }

    [Fact]
    public async Task A_pipelined_group_is_answered_in_order()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c.StartsWith("R<no@", StringComparison.Ordinal) ? ["t"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        await client.WriteAsync("EHLO client.example\r\nMAIL FROM:<a@from.example>\r\nRCPT TO:<no@to.example>\r\nRCPT TO:<b@to.example>\r\nBDAT 4\r\nabc\nBDAT 3 LAST\r\nd\r\nRSET\r\nFROB\r\nQUIT\r\n");
        foreach (string reply in new[] { "220", "250", "250 2.1.0", "451 4.7.1", "250 2.1.5", "250 2.0.0 chunk", "554", "250 2.0.0 flushed", "500", "221" })
        {
            await client.ExpectAsync(reply);
        }
    }

    [Fact]
    public async Task A_message_by_bdat_is_shown_too_and_its_first_chunk_is_data()
    {
        var milter = new ScriptedMilter("one");
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        await client.SayAsync("RCPT TO:<b@to.example>", "250");
        await client.WriteAsync("BDAT 10\r\nX: y\r\n\r\nabBDAT 2 LAST\r\n\r\n");
        await client.ExpectAsync("250 2.0.0 chunk");
        await client.ExpectAsync("250 2.0.0 queued");
        Assert.Equal("OCHMRTLNBE", milter.Letters);

        milter.Answer = static c => c[0] == 'T' ? ["r"] : null;
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        await client.SayAsync("RCPT TO:<b@to.example>", "250");
        await client.WriteAsync("BDAT 4\r\nQUITBDAT 4 LAST\r\nQUIT");
        await client.ExpectAsync("550 5.7.1 refused by a content filter");
        await client.ExpectAsync("503");
        await client.SayAsync("NOOP", "250");
    }

    [Fact]
    public async Task Several_transactions_go_on_one_connection_and_an_abandoned_one_is_aborted()
    {
        var milter = new ScriptedMilter("one");
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await client.SayAsync("MAIL FROM:<c@from.example>", "250");
        await client.SayAsync("RSET", "250");
        await client.SayAsync("MAIL FROM:<d@from.example>", "250");
        await client.SayAsync("EHLO again.example", "250");
        await client.SayAsync("QUIT", "221");
        await client.Session;

        Assert.Equal("OCHMRTLLNBEMAMAHQ", milter.Letters);
        Assert.Equal(1, milter.Dials);
    }

    [Fact]
    public async Task Steps_that_a_milter_does_without_are_left_out_and_those_it_does_not_answer_are_not_waited_for()
    {
        var milter = new ScriptedMilter("one") { Steps = MilterSteps.NoConnect | MilterSteps.NoRcpt | MilterSteps.NoBody | MilterSteps.NoEndOfHeader | MilterSteps.NoReplyToHelo | MilterSteps.NoReplyToHeader | MilterSteps.NoReplyToMail | MilterSteps.NoReplyToData };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        Assert.Equal("OHMTLLE", milter.Letters);
    }

    [Fact]
    public async Task An_old_milter_hears_neither_data_nor_unknown_commands()
    {
        var milter = new ScriptedMilter("one") { Version = 2, Actions = MilterActions.AddHeaders };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await client.SayAsync("FROB", "500");
        Assert.Equal("OCHMRLLNBE", milter.Letters);
    }

    [Fact]
    public async Task An_unknown_command_can_have_the_milters_words()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'U' ? ["y500 5.5.1 what is frob?\0"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("FROB now", "500 5.5.1 what is frob?");

        Assert.Contains("UFROB now|", milter.Heard);
    }

    [Fact]
    public async Task Recipients_that_we_refuse_are_told_to_those_who_want_it()
    {
        var milter = new ScriptedMilter("one") { Steps = MilterSteps.RefusedRecipients, Answer = static c => c.StartsWith("R<x@", StringComparison.Ordinal) ? ["r"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect("203.0.113.9");
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        string reply = await client.SayAsync("RCPT TO:<x@elsewhere.example>", "550 5.7.1");

        Assert.DoesNotContain("filter", reply, StringComparison.Ordinal);
        Assert.Contains(milter.Heard, h => h.StartsWith("DR{rcpt_addr}=", StringComparison.Ordinal) && h.EndsWith("|{rcpt_host}=5.7.1|{rcpt_mailer}=error|", StringComparison.Ordinal));
        Assert.Equal("OCHMR", milter.Letters);
    }

    [Fact]
    public async Task Macros_are_those_that_the_milter_asks_for_as_far_as_they_are_known()
    {
        var milter = new ScriptedMilter("one") { Macros = "\0\0\0\u0002{mail_addr} {nobody_knows} i\0\0\0\0\u0003\0" };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        Assert.Contains("DM{mail_addr}=a@from.example|", milter.Heard);
        Assert.DoesNotContain(milter.Heard, static h => h.StartsWith("DR", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_milter_that_wants_no_more_of_the_body_gets_no_more()
    {
        var milter = new ScriptedMilter("one") { Steps = MilterSteps.Skip, Answer = static c => c[0] == 'B' ? ["s"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 ", await MilterSession.TryAsync(client, "X: y\r\n\r\n" + string.Concat(Enumerable.Repeat("a line of text\r\n", 10_000))), StringComparison.Ordinal);
        Assert.Equal("OCHMRTLNBE", milter.Letters);
        Assert.Equal(65536, milter.Heard.Single(static h => h[0] == 'B').Length);
    }

    [Fact]
    public async Task Milters_are_asked_in_order_and_the_first_that_refuses_decides()
    {
        var first = new ScriptedMilter("first") { Answer = static c => c.StartsWith("R<first@", StringComparison.Ordinal) ? ["y550 5.1.1 says the first\0"] : null };
        var second = new ScriptedMilter("second") { Answer = static c => c[0] == 'R' ? ["y550 5.1.1 says the second\0"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync([first, second]);
        await using TestClient client = relay.Connect();
        await client.ExpectAsync("220");
        await client.SayAsync("EHLO client.example", "250");
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        await client.SayAsync("RCPT TO:<first@to.example>", "550 5.1.1 says the first");
        await client.SayAsync("RCPT TO:<second@to.example>", "550 5.1.1 says the second");
        Assert.Equal("OCHMR", second.Letters);
    }

    [Fact]
    public async Task Whom_a_milter_is_not_for_it_does_not_hear_of()
    {
        var milter = new ScriptedMilter("one");
        await using EngineFixture relay = await MilterSession.StartAsync(milter, static m => m with { SkipsTrusted = true });
        await using TestClient client = relay.Connect();
        Assert.StartsWith("250 ", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        Assert.Equal(0, milter.Dials);

        await using TestClient stranger = relay.Connect("203.0.113.9");
        await stranger.ExpectAsync("220");
        Assert.Equal(1, milter.Dials);
    }

    [Fact]
    public async Task A_reload_takes_other_milters_for_sessions_that_begin_then()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'M' ? ["r"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient before = relay.Connect();
        await before.ExpectAsync("220");

        relay.Engine.Apply(relay.Options with { Milters = [] });
        await using TestClient after = relay.Connect();

        Assert.StartsWith("250 ", await MilterSession.TryAsync(after), StringComparison.Ordinal);
        await before.SayAsync("EHLO client.example", "250");
        await before.SayAsync("MAIL FROM:<a@from.example>", "550");
    }

    [Fact]
    public async Task Mail_of_those_who_have_logged_in_is_passed_over_where_that_is_configured()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'M' ? ["r"] : null };
        var asked = new ScriptedMilter("two");
        await using var relay = new EngineFixture { Milters = [milter, asked] };
        relay.Options = relay.Options with { Milters = [milter.Options with { SkipsAuthenticated = true }, asked.Options], Accounts = TestAccounts.One };
        await relay.StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH PLAIN " + Convert.ToBase64String("\0user\0secret"u8), "235");
        await client.SayAsync("MAIL FROM:<a@b.example>", "250");

        Assert.Equal("OCHH", milter.Letters);
        Assert.Contains(asked.Heard, static h => h.StartsWith("DH{tls_version}=TLSv1.", StringComparison.Ordinal) && h.Contains("|{cipher}=TLS_", StringComparison.Ordinal) && h.EndsWith('|'));
        Assert.Contains("DM{auth_type}=PLAIN|{auth_authen}=user|{mail_addr}=a@b.example|{mail_host}=b.example|{mail_mailer}=smtp|", asked.Heard);
    }
}
