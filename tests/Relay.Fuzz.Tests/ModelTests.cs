using System.Globalization;
using Relay.Fuzz.Targets;

namespace Relay.Fuzz.Tests;

/// <summary>Very many random commands and lines, and what they did, against the reference state machine.</summary>
public class ModelTests
{
    private const int CommandsPerSession = 40;

    private static readonly bool Long = Environment.GetEnvironmentVariable("RELAY_LONG") == "1";
    private static readonly int Commands = Long ? 1_000_000 : 100_000;
    private static readonly int Lines = Long ? 1_000_000 : 50_000;

    [Fact]
    public void C16_random_commands_are_answered_and_spooled_as_the_reference_state_machine_says()
    {
        var random = new Random(16);
        byte[] choices = new byte[CommandsPerSession];
        for (int done = 0; done < Commands; done += choices.Length)
        {
            random.NextBytes(choices);
            string? failure = Fuzzer.Failure(FuzzTarget.All.Single(static t => t.Name == ModelTarget.Name), choices, out _);
            Assert.True(failure is null, string.Create(CultureInfo.InvariantCulture, $"{failure}\n{Convert.ToHexString(choices)}"));
        }
    }

    [Fact]
    public async Task B24_whatever_lines_come_nothing_throws_and_too_many_refusals_end_the_session()
    {
        var random = new Random(24);
        byte[][] seeds = [.. Corpus.Of("command").Select(static s => s.Input)];
        var mutator = new Mutator(random, FuzzTarget.All.Single(static t => t.Name == "command").Tokens);
        await using var run = new SessionRun(errors: 20);
        for (int done = 0; done < Lines; done += CommandsPerSession)
        {
            var sent = new List<byte>(random.Next(2) == 0 ? "EHLO client.example\r\n"u8.ToArray() : []);
            for (int i = 0; i < CommandsPerSession; i++)
            {
                byte[] line = seeds[random.Next(seeds.Length)];
                sent.AddRange(random.Next(3) == 0 ? line : mutator.Mutate(line, seeds[random.Next(seeds.Length)]));
                sent.AddRange("\r\n"u8);
            }

            byte[] octets = [.. sent];
            string? failure = Record.Exception(() => run.Compare(Octets.Text(octets), [octets]))?.ToString();
            Assert.True(failure is null, $"{failure}\n{Convert.ToHexString(octets)}");
        }
    }

    [Fact]
    public async Task C15_a_thousand_transactions_on_one_connection_show_nothing_of_each_other()
    {
        // RSET or a new EHLO after some of them, a sender and recipients of its own for each: what is spooled is compared as a whole.
        var random = new Random(15);
        var sent = new System.Text.StringBuilder("EHLO client.example\r\n");
        for (int i = 0; i < 1000; i++)
        {
            sent.Append(CultureInfo.InvariantCulture, $"MAIL FROM:<sender{i}@a.example>{(random.Next(2) == 0 ? " SIZE=100 BODY=8BITMIME" : "")}\r\n");
            for (int recipient = 0; recipient < 5; recipient++)
            {
                if (random.Next(2) == 0)
                {
                    sent.Append(CultureInfo.InvariantCulture, $"RCPT TO:<recipient{recipient}@b{random.Next(3)}.example>\r\n");
                }
            }

            sent.Append(random.Next(8) switch
            {
                0 => "RSET\r\n",
                1 => "EHLO client.example\r\n",
                _ => string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<always@b.example>\r\nDATA\r\nSubject: {i}\r\n\r\nmessage {i}\r\n.\r\n"),
            });
        }

        string text = sent.Append("QUIT\r\n").ToString();
        await using var run = new SessionRun(errors: int.MaxValue);
        run.Compare(text, [Octets.Of(text)]);
    }
}
