using System.Text;
using Relay.Flow;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Tests.Spool;

namespace Relay.Tests.Flow.Send;

/// <summary>
/// Any messages, to any server that keeps to the protocol, with any end. Whatever happens, each recipient has one outcome or was given back; delivered is what the server took under exactly that envelope, and
/// what it took is delivered or, when it couldn't say so, put off as possibly delivered.
/// </summary>
public class RandomSessionTests
{
    private const int Messages = 60;

    private static readonly int Rounds = Environment.GetEnvironmentVariable("RELAY_LONG") == "1" ? 200_000 : 3_000;

    [Fact]
    public async Task L5_L12_L13_NET3_every_recipient_has_exactly_one_outcome_and_it_is_true()
    {
        await using TestSpool spool = TestSpool.Open(new FaultyStorage());
        (SpooledMessage Message, string Content)[] messages = await Store(spool);
        int delivered = 0;
        int unconfirmed = 0;
        int givenBack = 0;
        for (int seed = 0; seed < Rounds; seed++)
        {
            try
            {
                (int d, int u, int g) = await Round(new Random(seed), spool, messages);
                delivered += d;
                unconfirmed += u;
                givenBack += g;
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {e}");
            }
        }

        // The rounds must have seen what they are about.
        Assert.True(delivered > Rounds && unconfirmed > Rounds / 20 && givenBack > Rounds / 5, $"{delivered} delivered, {unconfirmed} unconfirmed, {givenBack} given back");
    }

    private static async Task<(int Delivered, int Unconfirmed, int GivenBack)> Round(Random random, TestSpool spool, (SpooledMessage Message, string Content)[] messages)
    {
        bool lmtp = random.Next(4) == 0;
        ServerExtensions offers = random.Next(3) == 0 ? SessionFixture.WithoutChunks : SessionFixture.Modern;
        if (random.Next(5) == 0)
        {
            offers = offers with { Offered = offers.Offered & ~Extensions.Pipelining };
        }

        if (random.Next(5) == 0)
        {
            offers = offers with { RecipientLimit = random.Next(1, 4), MailLimit = random.Next(2) == 0 ? random.Next(1, 9) : null };
        }

        await using var at = new SessionFixture(offers, lmtp ? NextHopScheme.Lmtp : NextHopScheme.Smtp, random.Next(1, 9), spool);
        if (random.Next(3) != 0)
        {
            await at.WarmUp();
        }

        var contents = new Dictionary<OutboundTransaction, string>();
        (SpooledMessage Message, string Content)[] chosen = [.. messages];
        random.Shuffle(chosen);
        foreach ((SpooledMessage message, string content) in chosen[..random.Next(1, 13)])
        {
            OutboundTransaction transaction = at.Add(message);
            contents.Add(transaction, content);
            if (transaction.Result.Count > 1 && random.Next(8) == 0)
            {
                transaction.Result.Outcomes[random.Next(transaction.Result.Count)] = Before;
            }
        }

        var server = new RandomServer(at, random, offers, lmtp);
        at.Start();
        server.Serve();
        AttemptFailure? failure = await at.Run;
        return Judge(at, server, failure, contents, offers.Chunking);
    }

    /// <summary>What a recipient may have from an earlier host: nothing is said of it any more.</summary>
    private static readonly RecipientOutcome Before = new(OutcomeKind.Failed, new PeerReply(550, default, "before"));

    private static (int Delivered, int Unconfirmed, int GivenBack) Judge(
        SessionFixture at, RandomServer server, AttemptFailure? failure, Dictionary<OutboundTransaction, string> contents, bool chunking)
    {
        Assert.Empty(server.Complaints);
        Assert.Equal(at.Taken.Count, at.Done.Count + at.GivenBack.Count);
        var took = server.Took.GroupBy(static t => (t.From, t.To)).ToDictionary(static g => g.Key, static g => g.ToList());
        int delivered = 0;
        int unconfirmed = 0;
        foreach (OutboundTransaction transaction in at.Taken)
        {
            Envelope envelope = transaction.Message.Message.Envelope;
            string content = contents[transaction];
            string expected = chunking || content.Length == 0 || content.EndsWith("\r\n", StringComparison.Ordinal) ? content : content + "\r\n";
            bool isDone = at.Done.Contains(transaction);
            for (int i = 0; i < transaction.Result.Count; i++)
            {
                RecipientOutcome outcome = transaction.Result.Outcomes[i];
                took.Remove((envelope.ReversePathText(), envelope.RecipientText(i)), out List<(string From, string To, string Content)>? copies);
                Assert.True(copies is null or [_], "taken more than once");
                Assert.True(copies is null || copies[0].Content == expected, "another content");
                bool maybe = outcome is { Kind: OutcomeKind.Deferred, Reply.Code: 0 } && outcome.Reply.Text.Contains("may have been delivered", StringComparison.Ordinal);
                bool given = outcome.Kind == OutcomeKind.None;
                Assert.False(given && isDone, "done without an outcome");
                Assert.Equal(outcome.Kind == OutcomeKind.Delivered, copies is not null && !maybe);
                Assert.False((given || maybe) && server.Stayed && at.Connection is { IsSpent: false }, "the server did nothing to deserve it");
                delivered += outcome.Kind == OutcomeKind.Delivered ? 1 : 0;
                unconfirmed += maybe ? 1 : 0;
            }
        }

        Assert.Empty(took);
        if (server.Stayed)
        {
            Assert.Null(failure);
            Assert.True(at.Connection.IsUsable);
            Assert.False(at.IsDistrusted);
            Assert.True(at.Connection.IsSpent || at.Taken.Count == contents.Count);
        }

        return (delivered, unconfirmed, at.GivenBack.Count);
    }

    private static async Task<(SpooledMessage Message, string Content)[]> Store(TestSpool spool)
    {
        var random = new Random(1);
        var messages = new List<(SpooledMessage, string)>();
        for (int i = 0; i < Messages; i++)
        {
            string content = Content(random, i);
            var builder = new EnvelopeBuilder();
            builder.Begin(Encoding.ASCII.GetBytes($"sender{i}@source.example"), BodyType.Unspecified, SessionFixture.FlagsOf(Encoding.Latin1.GetBytes(content)));
            for (int to = random.Next(1, 6); to > 0; to--)
            {
                builder.TryAdd(Encoding.ASCII.GetBytes($"r{to}.m{i}@dest.example"));
            }

            SpooledMessage message = await spool.Store(Encoding.Latin1.GetBytes(content), builder.Build());
            if (i % 3 == 0)
            {
                spool.Spool.ReleaseBody(message);
            }

            messages.Add((message, content));
        }

        return [.. messages];
    }

    /// <summary>Lines that look like the end of the data, like commands, with dots and without an end; a few are large.</summary>
    private static string Content(Random random, int i)
    {
        if (i == 1)
        {
            return "";
        }

        string[] lines = ["\r\n", ".\r\n", "..\r\n", "text\r\n", "MAIL FROM:<evil@example>\r\n", "RSET\r\n", ".\r\nMAIL FROM:<evil@example>\r\n", "é\r\n", "QUIT\r\n"];
        var content = new StringBuilder();
        for (int n = random.Next(0, 8); n > 0; n--)
        {
            content.Append(lines[random.Next(lines.Length)]);
        }

        content.Append("message ").Append(i).Append("\r\n");
        if (i % 10 == 5)
        {
            content.Insert(0, string.Concat(Enumerable.Repeat(".large and large\r\n", random.Next(3_600, 9_000))));
        }

        if (random.Next(4) == 0)
        {
            content.Append("no end");
        }

        return content.ToString();
    }
}
