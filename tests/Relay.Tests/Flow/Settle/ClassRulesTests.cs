using System.Globalization;
using Relay.Flow;
using Relay.Flow.Settle;
using Relay.Protocol.Smtp;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Settle;

public sealed class ClassRulesTests
{
    public static TheoryData<string, string> Corpus
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string line in File.ReadAllLines(Path.Combine(SourceTree.Root, "tests", "corpus", "replies.txt")).Where(static l => l.Length > 0 && l[0] != '#'))
            {
                string[] parts = line.Split('\t', 2);
                data.Add(parts[0], parts[1]);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Corpus))]
    public void What_servers_really_say_is_understood(string expected, string reply)
    {
        Classification found = ClassRules.BuiltIn.Classify(Parse(reply));

        string treat = found.Permanent switch { true => " permanent", false => " temporary", null => "" };
        // What a rule says in words only counts where the code says otherwise.
        treat = (treat == " temporary" && reply[0] == '4') || (treat == " permanent" && reply[0] == '5') ? "" : treat;
        Assert.Equal(expected, FailureClassWord.Of(found.Class) + treat);
    }

    [Theory]
    [InlineData(4, 4, 1, "network")]
    [InlineData(4, 4, 2, "network")]
    [InlineData(4, 4, 3, "dns")]
    [InlineData(4, 7, 5, "tls")]
    [InlineData(4, 7, 4, "tls")]
    [InlineData(5, 1, 2, "bad_domain")]
    [InlineData(5, 1, 10, "bad_domain")]
    [InlineData(4, 3, 0, "local")]
    [InlineData(4, 3, 5, "local")]
    [InlineData(5, 6, 7, "not_supported")]
    [InlineData(5, 3, 4, "too_large")]
    public void Our_own_answers_are_known_by_their_status(byte @class, ushort subject, ushort detail, string expected) =>
        Assert.Equal(expected, FailureClassWord.Of(ClassRules.BuiltIn.Classify(new PeerReply(0, new EnhancedStatusCode(@class, subject, detail), "some words that say spam, quota and user unknown")).Class));

    [Fact]
    public void What_nobody_has_seen_yet_is_other() => Assert.Equal(FailureClass.Other, ClassRules.BuiltIn.Classify(new PeerReply(554, default, "xyzzy")).Class);

    [Fact]
    public void An_operator_s_rules_stand_before_ours()
    {
        IReadOnlyList<ClassRule> rules = ClassRules.Parse("# mine\n\nrate temporary 550 5.7.x /come on/\nbad_mailbox permanent x.1.1\n", static (_, error) => Assert.Fail(error));
        ClassRules all = ClassRules.With(rules);

        Assert.Equal(new Classification(FailureClass.Rate, false), all.Classify(new PeerReply(550, default, "oh COME ON")));
        Assert.Equal(new Classification(FailureClass.Rate, false), all.Classify(new PeerReply(554, new EnhancedStatusCode(5, 7, 99), "come on")));
        Assert.Equal(new Classification(FailureClass.BadMailbox, true), all.Classify(new PeerReply(450, new EnhancedStatusCode(4, 1, 1), "x")));
        Assert.Equal(FailureClass.MailboxFull, all.Classify(new PeerReply(552, default, "over quota")).Class);
    }

    [Theory]
    [InlineData("bad_mailbx 550", "\"bad_mailbx\" is no class: there are other, bad_mailbox")]
    [InlineData("rate", "a rule without code and pattern would be about every answer")]
    [InlineData("rate 55", "\"55\" is neither a code")]
    [InlineData("rate 550 temporary", "\"temporary\" is neither a code")]
    [InlineData("rate 550 /x", "a pattern stands between slashes")]
    [InlineData("rate 550 /(/", "the pattern can't be used")]
    [InlineData("rate 550 /(a)\\1/", "the pattern can't be used")]
    public void A_wrong_line_is_told_with_its_number(string line, string says)
    {
        var wrong = new List<(int Line, string Error)>();
        ClassRules.Parse("# x\n" + line, (number, error) => wrong.Add((number, error)));
        Assert.Equal(2, Assert.Single(wrong).Line);
        Assert.StartsWith(says, wrong[0].Error, StringComparison.Ordinal);
    }

    private static PeerReply Parse(string reply)
    {
        int code = int.Parse(reply.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture);
        string text = reply[4..];
        string[] words = text.Split(' ', 2);
        string[] numbers = words[0].Split('.');
        return numbers.Length == 3 && numbers.All(static n => n.Length > 0 && n.All(char.IsAsciiDigit))
            ? new PeerReply(code, new EnhancedStatusCode(byte.Parse(numbers[0], CultureInfo.InvariantCulture), ushort.Parse(numbers[1], CultureInfo.InvariantCulture), ushort.Parse(numbers[2], CultureInfo.InvariantCulture)), words[1])
            : new PeerReply(code, default, text);
    }
}
