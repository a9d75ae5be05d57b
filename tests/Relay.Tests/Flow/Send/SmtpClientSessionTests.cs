using Relay.Flow;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;
using static Relay.Tests.Flow.Send.SessionFixture;

namespace Relay.Tests.Flow.Send;

/// <summary>What is said on a connection, octet by octet and flight by flight, and what becomes of each message.</summary>
public class SmtpClientSessionTests
{
    private const string Envelope0 = "MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<a@dest.example>\r\n";
    private const string Envelope1 = "MAIL FROM:<s1@source.example> SIZE=7\r\nRCPT TO:<a@dest.example>\r\n";
    private const string Envelope2 = "MAIL FROM:<s2@source.example> SIZE=7\r\nRCPT TO:<a@dest.example>\r\n";

    [Fact]
    public async Task Without_pipelining_each_command_waits_for_the_reply_to_the_one_before()
    {
        await using var at = new SessionFixture(default);
        OutboundTransaction message = await at.Add("hello\r\n", "a@dest.example", "b@dest.example");
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example>\r\n", "250 ok");
        at.Expect("RCPT TO:<a@dest.example>\r\n", "550 no");
        at.Expect("RCPT TO:<b@dest.example>\r\n", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 taken");
        Assert.Null(await at.Run);
        Assert.Equal(["Failed 550 no", "Delivered 250 taken"], Outcomes(message));
        Assert.True(at.Connection.IsUsable);
    }

    [Fact]
    public async Task Without_pipelining_a_refused_sender_is_followed_by_the_next_one_and_a_refused_recipient_by_RSET()
    {
        await using var at = new SessionFixture(default);
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example>\r\n", "550 5.7.1 not you");
        at.Expect("MAIL FROM:<s1@source.example>\r\n", "250 ok");
        at.Expect("RCPT TO:<a@dest.example>\r\n", "450 4.2.1 busy");
        at.Expect("RSET\r\n", "250 ok");
        at.Expect("MAIL FROM:<s2@source.example>\r\n", "250 ok");
        at.Expect("RCPT TO:<a@dest.example>\r\n", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 taken");
        Assert.Null(await at.Run);
        Assert.Equal(["Failed 550 5.7.1 not you", "Deferred 450 4.2.1 busy", "Delivered 250 taken"], at.Done.SelectMany(Outcomes));
    }

    [Fact]
    public async Task The_first_message_of_a_connection_waits_for_the_recipients_and_the_next_rides_behind_its_end()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        // Nothing was delivered yet when the second was begun.
        at.Expect("hello\r\n.\r\n" + Envelope1, "250 one", "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n" + Envelope2 + "DATA\r\n", "250 two", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 three");
        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 one", "Delivered 250 two", "Delivered 250 three"], at.Done.SelectMany(Outcomes));
        Assert.Equal("", at.Heard());
    }

    [Fact]
    public async Task With_CHUNKING_whole_messages_follow_each_other_up_to_the_depth()
    {
        await using var at = new SessionFixture(Modern, depth: 3);
        await at.WarmUp();
        for (int i = 0; i < 5; i++)
        {
            await at.Add("hello\r\n");
        }

        static string Whole(int i, string before) => before + $"MAIL FROM:<s{i}@source.example> SIZE=7\r\nRCPT TO:<a@dest.example>\r\nBDAT 7 LAST\r\nhello\r\n";
        at.Start();
        // It may have died while it was idle, so the first one finds out.
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("BDAT 7 LAST\r\nhello\r\n" + Whole(1, "RSET\r\n") + Whole(2, "RSET\r\n"), "250 zero");
        at.Expect(Whole(3, "RSET\r\n"), "250 reset", "250 ok", "250 ok", "250 one", "250 reset", "250 ok", "250 ok", "250 two");
        at.Expect(Whole(4, "RSET\r\n"), "250 reset", "250 ok", "250 ok", "250 three", "250 reset", "250 ok", "250 ok", "250 four");
        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 zero", "Delivered 250 one", "Delivered 250 two", "Delivered 250 three", "Delivered 250 four"], at.Done.SelectMany(Outcomes));
        Assert.True(at.Connection.IsUsable);
    }

    [Fact]
    public async Task With_a_depth_of_one_each_message_waits_for_the_one_before()
    {
        await using var at = new SessionFixture(Modern, depth: 1);
        await at.WarmUp();
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("BDAT 7 LAST\r\nhello\r\n", "250 zero");
        at.Expect(Envelope1 + "BDAT 7 LAST\r\nhello\r\n", "250 ok", "250 ok", "250 one");
        Assert.Null(await at.Run);
    }

    [Fact]
    public async Task A_message_is_begun_as_soon_as_it_is_there_while_others_wait_for_their_replies()
    {
        await using var at = new SessionFixture(Modern);
        await at.WarmUp();
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0);
        await at.Add("hello\r\n");
        at.Reply("250 ok", "250 ok");
        at.Expect("BDAT 7 LAST\r\nhello\r\nRSET\r\n" + Envelope1 + "BDAT 7 LAST\r\nhello\r\n");
        at.Reply("250 zero", "250 reset", "250 ok", "250 ok", "250 one");
        Assert.Null(await at.Run);
        Assert.Equal(2, at.Done.Count);
    }

    [Fact]
    public async Task E3_dots_are_stuffed_for_DATA_and_the_last_line_is_completed_and_BDAT_sends_what_is_stored()
    {
        const string Content = ".one\r\n..two\r\nthree\r\n.\r\nfour";
        await using var data = new SessionFixture(WithoutChunks);
        await data.WarmUp();
        await data.Add(Content);
        data.Start();
        data.Expect($"MAIL FROM:<s0@source.example> SIZE={Content.Length}\r\nRCPT TO:<a@dest.example>\r\nDATA\r\n", "250 ok", "250 ok", "354 go on");
        data.Expect("..one\r\n...two\r\nthree\r\n..\r\nfour\r\n.\r\n", "250 taken");
        Assert.Null(await data.Run);

        await using var chunk = new SessionFixture(Modern);
        await chunk.Add(Content);
        chunk.Start();
        chunk.Expect($"MAIL FROM:<s0@source.example> SIZE={Content.Length}\r\nRCPT TO:<a@dest.example>\r\n", "250 ok", "250 ok");
        chunk.Expect($"BDAT {Content.Length} LAST\r\n{Content}", "250 taken");
        Assert.Null(await chunk.Run);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_empty_message_is_sent_as_one(bool chunking)
    {
        await using var at = new SessionFixture(chunking ? Modern : WithoutChunks);
        await at.Add("");
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example> SIZE=0\r\nRCPT TO:<a@dest.example>\r\n", "250 ok", "250 ok");
        at.Expect(chunking ? "BDAT 0 LAST\r\n" : "DATA\r\n", chunking ? "250 taken" : "354 go on");
        if (!chunking)
        {
            at.Expect(".\r\n", "250 taken");
        }

        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 taken"], at.Done.SelectMany(Outcomes));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_large_message_goes_alone_and_waits_for_the_recipients(bool cached)
    {
        await using var at = new SessionFixture(Modern);
        await at.WarmUp();
        string line = new string('x', 98) + "\r\n";
        string large = string.Concat(Enumerable.Repeat(line, 2000));
        await at.Add("hello\r\n");
        OutboundTransaction second = await at.Add(large);
        if (!cached)
        {
            at.Uncache(second.Message.Message);
        }

        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("BDAT 7 LAST\r\nhello\r\n", "250 zero");
        at.Expect("MAIL FROM:<s1@source.example> SIZE=200000\r\nRCPT TO:<a@dest.example>\r\n", "250 ok", "250 ok");
        at.Expect("BDAT 200000 LAST\r\n" + large + "RSET\r\n" + Envelope2 + "BDAT 7 LAST\r\nhello\r\n", "250 one", "250 reset", "250 ok", "250 ok", "250 two");
        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 zero", "Delivered 250 one", "Delivered 250 two"], at.Done.SelectMany(Outcomes));
    }

    [Fact]
    public async Task L5_each_recipient_gets_the_outcome_of_its_own_RCPT()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        OutboundTransaction message = await at.Add("hello\r\n", "a@d", "b@d", "c@d", "d@d", "e@d");
        at.Start();
        at.Expect(
            "MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<a@d>\r\nRCPT TO:<b@d>\r\nRCPT TO:<c@d>\r\nRCPT TO:<d@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n",
            "250 ok", "250 ok", "451 4.3.0 later", "452 4.5.3 too many", "552 full", "550 5.1.1 unknown", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 taken");
        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 taken", "Deferred 451 4.3.0 later", "Deferred 452 4.5.3 too many", "Deferred 552 full", "Failed 550 5.1.1 unknown"], Outcomes(message));
    }

    [Fact]
    public async Task L6_a_354_without_a_recipient_gets_an_empty_message_whose_reply_counts_for_nothing()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        OutboundTransaction message = await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0 + "DATA\r\n", "250 ok", "550 unknown", "354 go on");
        at.Expect(".\r\n" + Envelope1 + "DATA\r\n", "250 taken", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 one");
        Assert.Null(await at.Run);
        Assert.Equal(["Failed 550 unknown"], Outcomes(message));
        Assert.Equal(["Delivered 250 one"], Outcomes(at.Done[1]));
    }

    [Fact]
    public async Task L6_a_chunk_without_a_recipient_counts_for_nothing_and_RSET_ends_its_transaction()
    {
        await using var at = new SessionFixture(Modern);
        await at.WarmUp();
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("BDAT 7 LAST\r\nhello\r\nRSET\r\n" + Envelope1 + "BDAT 7 LAST\r\nhello\r\nRSET\r\n" + Envelope2 + "BDAT 7 LAST\r\nhello\r\n");
        at.Reply("250 zero", "250 reset", "250 ok", "550 unknown", "250 taken all the same", "250 reset", "250 ok", "250 ok", "250 two");
        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 zero", "Failed 550 unknown", "Delivered 250 two"], at.Done.SelectMany(Outcomes));
    }

    [Theory]
    [InlineData("250 ok")]
    [InlineData("350 go on")]
    public async Task L7_anything_but_354_that_is_no_refusal_ends_the_connection(string reply)
    {
        await using var at = new SessionFixture(WithoutChunks);
        OutboundTransaction message = await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("DATA\r\n", reply);
        AttemptFailure? failure = await at.Run;
        Assert.Equal(FailureScope.Host, failure!.Scope);
        Assert.Equal([message], at.GivenBack);
        Assert.False(at.Connection.IsUsable);
    }

    [Fact]
    public async Task No_more_domains_are_named_in_a_transaction_than_the_server_takes()
    {
        await using var at = new SessionFixture(Modern with { RecipientDomainLimit = 2 });
        await at.WarmUp();
        OutboundTransaction message = await at.Add("hello\r\n", "a@one.example", "b@two.example", "c@ONE.example", "d@three.example", "e@one.example");
        at.Start();
        string all = "";
        for (string flight = at.Heard(); flight.Length > 0; flight = at.Heard())
        {
            all += flight;
            at.Reply([.. flight.Split("\r\n").Where(static l => l.Split(' ')[0] is "MAIL" or "RCPT" or "BDAT" or "RSET").Select(static _ => "250 ok")]);
        }

        Assert.Null(await at.Run);
        Assert.Equal([message], at.Done);
        string[] transactions = [.. all.Split("MAIL FROM")[1..]];
        Assert.Equal([3, 2], transactions.Select(static t => t.Split("RCPT TO").Length - 1));
        Assert.Contains("d@three.example", transactions[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Replies_of_one_flight_are_acknowledged_at_once_so_that_the_next_is_not_held_back()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0);
        Assert.Equal(0, at.Acknowledged);
        at.Reply("250 ok");
        Assert.Equal(1, at.Acknowledged);
        // The last reply is answered by what comes next, which carries the acknowledgement.
        at.Reply("250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 ok");
        Assert.Null(await at.Run);
        Assert.Equal(1, at.Acknowledged);
    }

    [Theory]
    [InlineData("451 4.3.0 later", "Deferred 451 4.3.0 later")]
    [InlineData("554 5.6.0 no", "Failed 554 5.6.0 no")]
    public async Task DATA_that_is_refused_is_everyones_outcome_and_RSET_goes_before_the_next(string reply, string outcome)
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        await at.Add("hello\r\n", "a@d", "b@d");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<a@d>\r\nRCPT TO:<b@d>\r\nDATA\r\n", "250 ok", "250 ok", "250 ok", reply);
        at.Expect("RSET\r\n" + Envelope1 + "DATA\r\n", "250 reset", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 one");
        Assert.Null(await at.Run);
        Assert.Equal([outcome, outcome, "Delivered 250 one"], at.Done.SelectMany(Outcomes));
    }

    [Theory]
    [InlineData("451 4.3.0 later", "Deferred 451 4.3.0 later")]
    [InlineData("554 5.6.0 no", "Failed 554 5.6.0 no")]
    [InlineData("250 2.0.0 at last", "Delivered 250 2.0.0 at last")]
    public async Task L8_the_reply_to_the_message_is_everyones_outcome_also_after_nine_minutes(string reply, string outcome)
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n");
        // RFC 5321 §4.5.3.2.6: ten minutes.
        at.Time.Advance(TimeSpan.FromMinutes(9));
        at.Reply(reply);
        Assert.Null(await at.Run);
        Assert.Equal([outcome], at.Done.SelectMany(Outcomes));
        Assert.True(at.Connection.IsUsable);
    }

    [Fact]
    public async Task L4_a_421_instead_of_a_reply_gives_the_message_back_for_the_next_host()
    {
        await using var at = new SessionFixture(WithoutChunks);
        OutboundTransaction message = await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "421 4.3.2 going down");
        AttemptFailure? failure = await at.Run;
        Assert.Equal((FailureScope.Host, 421), (failure!.Scope, failure.Reply.Code));
        Assert.Equal([message], at.GivenBack);
        Assert.False(at.IsDistrusted);
    }

    [Fact]
    public async Task L4_a_421_between_two_messages_is_seen_before_the_next_one_is_begun()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        OutboundTransaction message = await at.Add("hello\r\n");
        at.Reply("421 4.4.2 idle too long");
        at.Start();
        AttemptFailure? failure = await at.Run;
        Assert.Equal((FailureScope.Host, 421), (failure!.Scope, failure.Reply.Code));
        Assert.Equal("", at.Heard());
        Assert.Equal([message], at.GivenBack);
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 2)]
    public async Task A_421_in_front_of_several_messages_gives_those_back_that_a_closed_server_can_not_have_taken(bool closes, int unconfirmed)
    {
        await using var at = new SessionFixture(Modern);
        await at.WarmUp();
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        Assert.NotEqual("", at.Heard());
        at.Reply("421 4.7.0 enough for one connection");
        if (closes)
        {
            at.Close();
        }

        at.Time.Advance(TimeSpan.FromSeconds(5));
        AttemptFailure? failure = await at.Run;
        Assert.Equal(FailureScope.Host, failure!.Scope);
        Assert.Equal("Deferred 421 4.7.0 enough for one connection", Outcomes(at.Taken[0]).Single());
        Assert.Equal(2 - unconfirmed, at.GivenBack.Count);
        Assert.Equal(unconfirmed, at.Done.SelectMany(Outcomes).Count(static o => o.Contains("may have been delivered", StringComparison.Ordinal)));
        Assert.Equal(!closes, at.IsDistrusted);
    }

    [Fact]
    public async Task L9_a_message_whose_reply_is_lost_is_put_off_and_says_so()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n");
        at.Close();
        Assert.Equal(FailureScope.Connection, (await at.Run)!.Scope);
        Assert.Equal(
            ["Deferred 0 4.4.2 the server closed the connection while waiting for the reply to the end of the message (the message may have been delivered)"], at.Done.SelectMany(Outcomes));
    }

    [Fact]
    public async Task NET3_of_several_messages_on_a_lost_connection_each_goes_by_what_it_had_reached()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0 + "DATA\r\n", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n" + Envelope1 + "DATA\r\n", "250 zero", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n" + Envelope2 + "DATA\r\n");
        at.Close();
        Assert.NotNull(await at.Run);
        Assert.Equal("Delivered 250 zero", Outcomes(at.Done[0]).Single());
        Assert.Contains("may have been delivered", Outcomes(at.Done[1]).Single(), StringComparison.Ordinal);
        Assert.Equal([at.Taken[2]], at.GivenBack);
        Assert.True(at.IsDistrusted);
    }

    [Theory]
    [InlineData("550 5.7.1 not you", true)]
    [InlineData("450 4.7.1 not now", false)]
    public async Task L13_a_refusal_counts_when_the_server_closes_behind_it(string reply, bool permanent)
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        await at.Add("hello\r\n", "a@d", "b@d");
        at.Start();
        Assert.NotEqual("", at.Heard());
        at.Reply(reply);
        at.Close();
        Assert.NotNull(await at.Run);
        string outcome = $"{(permanent ? OutcomeKind.Failed : OutcomeKind.Deferred)} {reply}";
        Assert.Equal([outcome, outcome], at.Done.SelectMany(Outcomes));
    }

    [Fact]
    public async Task L13_a_refused_recipient_stays_refused_when_the_others_are_given_back()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        OutboundTransaction message = await at.Add("hello\r\n", "a@d", "b@d", "c@d");
        at.Start();
        Assert.NotEqual("", at.Heard());
        at.Reply("250 ok", "554 unknown", "451 later");
        at.Close();
        Assert.NotNull(await at.Run);
        Assert.Equal([message], at.GivenBack);
        Assert.Equal(["Failed 554 unknown", "None", "None"], Outcomes(message));
        // On the next connection it goes to those that are left.
        await using var next = new SessionFixture(WithoutChunks);
        next.Add(message);
        next.Start();
        next.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<b@d>\r\nRCPT TO:<c@d>\r\n", "250 ok", "250 ok", "250 ok");
        next.Expect("DATA\r\n", "354 go on");
        next.Expect("hello\r\n.\r\n", "250 taken");
        Assert.Null(await next.Run);
        Assert.Equal(["Failed 554 unknown", "Delivered 250 taken", "Delivered 250 taken"], Outcomes(message));
    }

    [Fact]
    public async Task L10_what_comes_behind_the_last_reply_takes_nothing_back()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 taken", "garbage");
        AttemptFailure? failure = await at.Run;
        Assert.Equal(FailureScope.Connection, failure!.Scope);
        Assert.Equal(["Delivered 250 taken"], at.Done.SelectMany(Outcomes));
        Assert.False(at.Connection.IsUsable);
        Assert.True(at.IsDistrusted);
    }

    [Theory]
    [InlineData("2200 hello")]
    [InlineData("25")]
    [InlineData("250x")]
    [InlineData("250-one\r\n251 two")]
    [InlineData("250 a\0b")]
    [InlineData("hello")]
    public async Task L3_a_malformed_reply_ends_the_connection_and_gives_the_message_back(string reply)
    {
        await using var at = new SessionFixture(WithoutChunks);
        OutboundTransaction message = await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0, reply);
        AttemptFailure? failure = await at.Run;
        Assert.Equal("4.5.0", failure!.Reply.Enhanced.ToString());
        Assert.Equal([message], at.GivenBack);
        Assert.True(at.IsDistrusted);
    }

    [Theory]
    [InlineData("250-and on\r\n", 10_000)]
    [InlineData("2", 1_048_576)]
    public async Task L3_a_reply_without_end_is_not_read_to_its_end(string piece, int times)
    {
        await using var at = new SessionFixture(WithoutChunks);
        OutboundTransaction message = await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0);
        int said = 0;
        for (; said < times && !at.Run.IsCompleted; said++)
        {
            at.Say(piece);
        }

        Assert.True(said * piece.Length < 100_000, "it was cut off");
        Assert.NotNull(await at.Run);
        Assert.Equal([message], at.GivenBack);
    }

    [Fact]
    public async Task A_server_that_answers_503_to_a_MAIL_behind_a_message_gets_it_again_when_that_is_answered()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        await at.Add("hello\r\n");
        OutboundTransaction second = await at.Add("hello\r\n");
        at.Start();
        at.Expect(Envelope0 + "DATA\r\n", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n" + Envelope1 + "DATA\r\n", "250 zero", "503 5.5.1 nested MAIL", "503 5.5.1 what?", "503 5.5.1 what?");
        Assert.Null(await at.Run);
        Assert.Equal([second], at.GivenBack);
        Assert.True(at.IsDistrusted);
        Assert.True(at.Connection.IsUsable);
        await at.Add("hello\r\n");
        await at.Add("hello\r\n");
        at.Start();
        at.Expect("RSET\r\n" + Envelope2 + "DATA\r\n", "250 reset", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 two");
        at.Expect("MAIL FROM:<s3@source.example> SIZE=7\r\nRCPT TO:<a@dest.example>\r\nDATA\r\n");
    }

    [Fact]
    public async Task A_host_is_distrusted_for_an_hour()
    {
        await using var at = new SessionFixture(WithoutChunks);
        var distrust = new RecentHosts(at.Time);
        distrust.Add(System.Net.IPAddress.Parse("192.0.2.1"));
        at.Time.Advance(TimeSpan.FromMinutes(59));
        Assert.True(distrust.Contains(System.Net.IPAddress.Parse("192.0.2.1")));
        Assert.False(distrust.Contains(System.Net.IPAddress.Parse("192.0.2.2")));
        at.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(distrust.Contains(System.Net.IPAddress.Parse("192.0.2.1")));
        // And no more than a thousand: the oldest makes room.
        for (int i = 0; i < 1001; i++)
        {
            distrust.Add(new System.Net.IPAddress([10, 0, (byte)(i >> 8), (byte)i]));
        }

        Assert.False(distrust.Contains(System.Net.IPAddress.Parse("10.0.0.0")));
        Assert.True(distrust.Contains(System.Net.IPAddress.Parse("10.0.0.1")));
        Assert.True(distrust.Contains(System.Net.IPAddress.Parse("10.0.3.232")));
    }

    [Fact]
    public async Task L11_a_server_that_stops_reading_holds_a_message_for_no_longer_than_the_time_for_the_body()
    {
        await using var at = new SessionFixture(WithoutChunks, pause: 65536);
        OutboundTransaction message = await at.Add(string.Concat(Enumerable.Repeat(new string('x', 98) + "\r\n", 3000)));
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example> SIZE=300000\r\nRCPT TO:<a@dest.example>\r\n", "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.False(at.Run.IsCompleted);
        at.Time.Advance(TimeSpan.FromMinutes(2));
        AttemptFailure? failure = await at.Run;
        Assert.Contains("timed out", failure!.Reply.Text, StringComparison.Ordinal);
        Assert.Equal([message], at.GivenBack);
    }

    [Fact]
    public async Task L11_a_refusal_in_the_middle_of_the_body_counts_when_the_body_can_not_be_sent_on()
    {
        await using var at = new SessionFixture(WithoutChunks, pause: 65536);
        await at.Add(string.Concat(Enumerable.Repeat(new string('x', 98) + "\r\n", 3000)));
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example> SIZE=300000\r\nRCPT TO:<a@dest.example>\r\n", "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Reply("552 5.3.4 too much");
        at.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.NotNull(await at.Run);
        Assert.Equal(["Failed 552 5.3.4 too much"], at.Done.SelectMany(Outcomes));
    }

    [Fact]
    public async Task A_small_body_that_can_not_be_read_is_put_off_and_the_connection_goes_on()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        OutboundTransaction damaged = await AddUncached(at, "hello\r\n");
        await at.Add("hello\r\n");
        at.Disk.Fault = static (call, _) => call == "read" ? 5 : 0;
        at.Start();
        at.Disk.Fault = null;
        at.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<a@dest.example>\r\nDATA\r\n", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 one");
        Assert.Null(await at.Run);
        Assert.StartsWith("Deferred 0 4.3.0 the body", Outcomes(damaged).Single(), StringComparison.Ordinal);
        Assert.Equal("Delivered 250 one", Outcomes(at.Done[1]).Single());
    }

    [Fact]
    public async Task A_long_body_that_turns_out_to_be_unreadable_breaks_the_connection_so_that_no_half_of_it_counts()
    {
        await using var at = new SessionFixture(WithoutChunks);
        await at.WarmUp();
        OutboundTransaction damaged = await AddUncached(at, string.Concat(Enumerable.Repeat(new string('x', 98) + "\r\n", 3000)));
        at.Start();
        Assert.NotEqual("", at.Heard());
        at.Reply("250 ok", "250 ok");
        at.Expect("DATA\r\n");
        int reads = 0;
        at.Disk.Fault = (call, _) => call == "read" && ++reads == 3 ? 5 : 0;
        at.Reply("354 go on");
        AttemptFailure? failure = await at.Run;
        Assert.Equal(FailureScope.Connection, failure!.Scope);
        Assert.StartsWith("Deferred 0 4.3.0 the body", Outcomes(damaged).Single(), StringComparison.Ordinal);
        Assert.DoesNotContain("\r\n.\r\n", at.Heard(), StringComparison.Ordinal);
        Assert.False(at.Connection.IsUsable);
        Assert.False(at.IsDistrusted);
    }

    [Fact]
    public async Task LIMITS_RCPTMAX_splits_a_message_and_MAILMAX_ends_the_connection_in_good_order()
    {
        await using var at = new SessionFixture(WithoutChunks with { RecipientLimit = 2, MailLimit = 3 });
        OutboundTransaction message = await at.Add("hello\r\n", "a@d", "b@d", "c@d", "d@d", "e@d");
        OutboundTransaction never = await at.Add("hello\r\n");
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<a@d>\r\nRCPT TO:<b@d>\r\n", "250 ok", "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 one");
        at.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<c@d>\r\nRCPT TO:<d@d>\r\nDATA\r\n", "250 ok", "550 no", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 two");
        at.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<e@d>\r\nDATA\r\n", "250 ok", "250 ok", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 three");
        Assert.Null(await at.Run);
        Assert.Equal(["Delivered 250 one", "Delivered 250 one", "Failed 550 no", "Delivered 250 two", "Delivered 250 three"], Outcomes(message));
        Assert.DoesNotContain(never, at.Taken);
        Assert.True(at.Connection is { IsUsable: true, IsSpent: true });
        Assert.Equal("", at.Heard());
    }

    [Fact]
    public async Task Nothing_goes_wrong_when_MAILMAX_falls_between_two_parts_of_a_message()
    {
        await using var at = new SessionFixture(WithoutChunks with { RecipientLimit = 1, MailLimit = 1 });
        OutboundTransaction message = await at.Add("hello\r\n", "a@d", "b@d");
        at.Start();
        at.Expect("MAIL FROM:<s0@source.example> SIZE=7\r\nRCPT TO:<a@d>\r\n", "250 ok", "250 ok");
        at.Expect("DATA\r\n", "354 go on");
        at.Expect("hello\r\n.\r\n", "250 one");
        Assert.Null(await at.Run);
        Assert.Equal([message], at.GivenBack);
        Assert.Equal(["Delivered 250 one", "None"], Outcomes(message));
    }

    private static async Task<OutboundTransaction> AddUncached(SessionFixture at, string content)
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("u@source.example"u8, BodyType.Unspecified, EnvelopeFlags.None);
        builder.TryAdd("a@dest.example"u8);
        Relay.Spool.SpooledMessage message = await at.Store(content, builder.Build());
        at.Uncache(message);
        return at.Add(message);
    }
}
