using Relay.Flow.Milter;
using Relay.Protocol.Milter;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Milter;

/// <summary>What a milter does wrong, in every stage: mail is answered as configured, within the time that is configured, and nothing half looked at is kept.</summary>
public sealed class MilterFaultTests
{
    /// <summary>A letter of the command, and what it is answered: nothing, the end, too much, too little, nonsense.</summary>
    public static TheoryData<char, string> Faults
    {
        get
        {
            var data = new TheoryData<char, string>();
            foreach (char command in "OCHMRTLNBE")
            {
                foreach (string fault in (string[])[ScriptedMilter.Silence, ScriptedMilter.Close, "raw:\0\0\0\0", "raw:\u007f\0\0\0c", "?", "f", "O", "craw", "y200 2.0.0 fine\0", "y550 5.7.2\0", "y550 no nul", "y550 a\r\nDATA\0", "p"])
                {
                    // A negotiation is where 'O' belongs, and at the end changes are in place.
                    if (command != 'O' || fault != "O")
                    {
                        data.Add(command, fault);
                    }
                }
            }

            data.Add('B', "hX\0y\0");
            data.Add('C', "d");
            data.Add('B', "s");
            data.Add('E', "hX:\0y\0");
            data.Add('E', "hX\0y");
            data.Add('E', "i\0\0\0\u0001X\0y");
            data.Add('E', "+nobody\0");
            data.Add('E', "+<a@b.example> x\0");
            data.Add('E', "2<a@b.example>\0FROB=1\0");
            data.Add('E', "e<a b@c>\0");
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_fault_puts_the_mail_off_and_nothing_is_kept(char command, string fault)
    {
        var milter = new ScriptedMilter("one") { Answer = c => c[0] == command ? [fault] : null };
        await using EngineFixture relay = await MilterSession.StartAsync(milter);
        await using TestClient client = relay.Connect();
        Task<string> reply = MilterSession.TryAsync(client);
        DateTimeOffset before = relay.Time.GetUtcNow();
        await relay.PassTimeUntil(() => reply.IsCompleted, "the answer", TimeSpan.FromSeconds(1));

        Assert.Equal("451 4.7.1 the mail can't be checked now, try again later", await reply);
        Assert.True(relay.Time.GetUtcNow() - before < TimeSpan.FromMinutes(11));
        Assert.Empty(relay.Log());

        // And it is back without a word.
        milter.Answer = static _ => null;
        await client.WriteAsync("RSET\r\n");
        await client.ExpectAsync("250");
        await client.SayAsync("MAIL FROM:<a@from.example>", "250");
        await client.SayAsync("RCPT TO:<b@to.example>", "250");
        await client.SayAsync("DATA", "354");
        await client.SayAsync(MilterSession.Message + ".", "250 2.0.0 queued");
        Assert.EndsWith("OCHMRTLLNBE", milter.Letters, StringComparison.Ordinal);
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
        await relay.PassTimeUntil(() => reply.IsCompleted, "the answer", TimeSpan.FromSeconds(1));

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
        await relay.PassTimeUntil(() => reply.IsCompleted, "the answer");

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
        await relay.PassTimeUntil(() => reply.IsCompleted, "the answer", TimeSpan.FromSeconds(1));

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
}
