using Relay.Flow.Milter;
using Relay.Protocol.Milter;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Milter;

/// <summary>What a milter does wrong, in every stage: mail is answered as configured, within the time that is configured, and nothing half looked at is kept.</summary>
public sealed class MilterFaultTests
{
    /// <summary>Nothing, the end, too much, too little, nonsense.</summary>
    private static readonly string[] Faults =
    [
        ScriptedMilter.Silence, ScriptedMilter.Close, "raw:\0\0\0\0", "raw:\u007f\0\0\0c", "?", "f", "O", "craw", "y200 2.0.0 fine\0", "y550 5.7.2\0", "y550 no nul", "y550 a\r\nDATA\0",
    ];

    [Theory]
    [InlineData('O')]
    [InlineData('C', "d")]
    [InlineData('H', "d")]
    [InlineData('M', "s")]
    [InlineData('R', "hX\0y\0")]
    [InlineData('T', "s")]
    [InlineData('L', "bbody")]
    [InlineData('N', "qx\0")]
    [InlineData('B', "hX\0y\0", "s")]
    [InlineData('E', "hX:\0y\0", "hX\0y", "i\0\0\0\u0001X\0y", "+nobody\0", "+<a@b.example> x\0", "2<a@b.example>\0FROB=1\0", "e<a b@c>\0", "s")]
    public async Task A_fault_puts_the_mail_off_and_nothing_is_kept(char command, params string[] more)
    {
        var milter = new ScriptedMilter("one");
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        int taken = 0;
        // A negotiation is where 'O' belongs.
        foreach (string fault in Faults.Concat(more).Where(f => command != 'O' || f != "O"))
        {
            milter.Answer = c => c[0] == command ? [fault] : null;
            await using TestClient client = relay.Connect();
            DateTimeOffset before = relay.Time.GetUtcNow();
            Task<string> reply = MilterSession.TryAsync(client);
            await PassTimeUntil(relay, milter, () => reply.IsCompleted);

            Assert.Equal("451 4.7.1 the mail can't be checked now, try again later", await reply);
            Assert.True(relay.Time.GetUtcNow() - before < TimeSpan.FromMinutes(11), fault);

            // And it is back without a word.
            milter.Answer = static _ => null;
            await client.WriteAsync("RSET\r\nMAIL FROM:<a@from.example>\r\nRCPT TO:<b@to.example>\r\nDATA\r\n");
            foreach (string good in (string[])["250", "250", "250", "354"])
            {
                await client.ExpectAsync(good);
            }

            await client.SayAsync(MilterSession.Message + ".", "250 2.0.0 queued");
            // The farewell of the session before may come at any time.
            Assert.EndsWith("OCHMRTLLNBE", milter.Letters.Replace("Q", "", StringComparison.Ordinal), StringComparison.Ordinal);
            taken++;
        }

        await relay.PassTimeUntil(() => relay.Log("received").Count >= taken, "the records");
        Assert.Equal(taken, relay.Log("received").Count);
    }

    [Theory]
    [InlineData('O')]
    [InlineData('H')]
    [InlineData('M')]
    [InlineData('R')]
    [InlineData('T')]
    [InlineData('L')]
    [InlineData('B')]
    [InlineData('E')]
    public async Task Where_failure_means_accept_the_message_passes_as_it_was(char command)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == command ? command == 'E' ? ["hX\0changed\0", "bbody", ScriptedMilter.Close] : [ScriptedMilter.Close] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter, static m => m with { OnFailure = MilterOnFailure.Accept });
        await using TestClient client = relay.Connect();

        Assert.StartsWith("250 2.0.0 queued", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        await relay.PassTimeUntil(() => !relay.Server.Mail.IsEmpty, "the delivery");
        Assert.EndsWith(MilterSession.Message, relay.Server.Mail.Single().Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_failure_means_reject_it_is_refused_for_good()
    {
        var milter = new ScriptedMilter("one") { IsDown = true };
        await using EngineFixture relay = await MilterSession.StartAsync(milter, static m => m with { OnFailure = MilterOnFailure.Reject });
        await using TestClient client = relay.Connect();

        Assert.Equal("550 5.7.1 the mail can't be checked", await MilterSession.TryAsync(client));
    }

    [Theory]
    [InlineData('C', 30)]
    [InlineData('M', 30)]
    [InlineData('L', 300)]
    [InlineData('E', 300)]
    public async Task A_milter_that_hangs_is_waited_for_as_long_as_its_stage_has(char command, int seconds)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == command ? [ScriptedMilter.Silence] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        Task<string> reply = MilterSession.TryAsync(client);
        await Eventually.True(() => milter.Letters.EndsWith(command), "the question");
        DateTimeOffset before = relay.Time.GetUtcNow();
        // In the connect stage the greeting waits, and MAIL finds a milter that is silent again.
        int waits = command == 'C' ? 2 : 1;
        await PassTimeUntil(relay, milter, () => reply.IsCompleted);

        Assert.InRange((relay.Time.GetUtcNow() - before).TotalSeconds, seconds * waits, (seconds * waits) + 8);
        Assert.StartsWith("451 4.7.1", await reply, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_milter_that_takes_no_connection_is_not_waited_for_longer_than_that()
    {
        var milter = new ScriptedMilter("one") { Swallows = true };
        await using EngineFixture relay = await MilterSession.StartAsync(milter, static m => m with { ConnectTimeout = TimeSpan.FromSeconds(5) });
        await using TestClient client = relay.Connect();
        Task<string> reply = MilterSession.TryAsync(client);
        DateTimeOffset before = relay.Time.GetUtcNow();
        await PassTimeUntil(relay, milter, () => reply.IsCompleted);

        Assert.StartsWith("451 4.7.1", await reply, StringComparison.Ordinal);
        Assert.InRange((relay.Time.GetUtcNow() - before).TotalSeconds, 10, 14);
    }

    [Fact]
    public async Task Progress_puts_the_end_off_but_not_for_ever()
    {
        var milter = new ScriptedMilter("one") { Answer = static c => c[0] == 'E' ? [ScriptedMilter.EndlessProgress] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        milter.Time = relay.Time;
        await using TestClient client = relay.Connect();
        Task<string> reply = MilterSession.TryAsync(client);
        await Eventually.True(() => milter.Letters.EndsWith('E'), "the end of the message");
        DateTimeOffset before = relay.Time.GetUtcNow();
        await PassTimeUntil(relay, milter, () => reply.IsCompleted);

        Assert.StartsWith("451 4.7.1", await reply, StringComparison.Ordinal);
        Assert.InRange((relay.Time.GetUtcNow() - before).TotalSeconds, 590, 620);
    }

    [Fact]
    public async Task A_milter_that_wants_what_was_not_offered_or_speaks_another_version_has_failed()
    {
        foreach (ScriptedMilter milter in (ScriptedMilter[])[new("a") { Version = 7 }, new("b") { Version = 1 }, new("c") { Actions = (MilterActions)0x200 }, new("d") { Steps = (MilterSteps)0x8000_0000 }, new("e") { Macros = "\0\0\0\u0009x\0" }])
        {
            await using EngineFixture relay = await MilterSession.StartAsync(milter);
            await using TestClient client = relay.Connect();
            Assert.StartsWith("451 4.7.1", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_change_that_was_not_negotiated_is_a_failure()
    {
        var milter = new ScriptedMilter("one") { Actions = MilterActions.AddHeaders, Answer = static c => c[0] == 'E' ? ["qbad\0", "c"] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();

        Assert.StartsWith("451 4.7.1", await MilterSession.TryAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_milter_may_change_is_bounded()
    {
        string[] many = [.. Enumerable.Repeat("hX\0" + new string('x', 60_000) + "\0", 20), "c"];
        string[] recipients = [.. Enumerable.Range(0, 1001).Select(static i => $"+<r{i}@to.example>\0"), "c"];
        string[] body = [.. Enumerable.Repeat("b" + new string('x', 60_000), 5), "c"];
        foreach (string[] flood in (string[][])[many, recipients, body])
        {
            var milter = new ScriptedMilter("one") { Answer = c => c[0] == 'E' ? flood : null };
            await using var relay = new EngineFixture { Milters = [milter] };
            relay.Options = relay.Options with { Milters = [milter.Options], Limits = relay.Options.Limits with { MessageSize = 200_000 } };
            await relay.StartAsync();
            await using TestClient client = relay.Connect();
            Assert.StartsWith("451 4.7.1", await MilterSession.TryAsync(client), StringComparison.Ordinal);
        }
    }

    /// <summary>Time passes only while the milter is what is waited for: on a busy machine the client would seem idle otherwise.</summary>
    private static async Task PassTimeUntil(EngineFixture relay, ScriptedMilter milter, Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(40));
        while (!condition())
        {
            Assert.False(limit.IsCancellationRequested, "no answer came");
            if (milter.IsStuck)
            {
                relay.Time.Advance(TimeSpan.FromSeconds(1));
            }

            await Eventually.Within(static () => ThreadPool.PendingWorkItemCount == 0, TimeSpan.FromMilliseconds(2));
        }
    }
}
