using Relay.Protocol.Smtp;

namespace Relay.Flow.Settle;

/// <summary>
/// Tells what kind of answer a reply is (RFC 3463 codes, and what the large providers really say). The first rule that matches counts; an operator's rules stand before ours. Immutable, a reload is a new one;
/// any thread.
/// </summary>
public sealed class ClassRules
{
    private readonly ClassRule[] _rules;

    private ClassRules(IEnumerable<ClassRule> rules) => _rules = [.. rules];

    /// <summary>Ours alone.</summary>
    public static ClassRules BuiltIn { get; } = Load();

    /// <summary>The given ones, then ours.</summary>
    public static ClassRules With(IEnumerable<ClassRule> rules) => new(rules.Concat(BuiltIn._rules));

    /// <summary>Reads a file's text: a rule a line, "#" begins a comment. Tells each wrong line with its number, from 1.</summary>
    public static IReadOnlyList<ClassRule> Parse(string text, Action<int, string> wrong) => Parse(text, wrong, isKnown: false);

    private static List<ClassRule> Parse(string text, Action<int, string> wrong, bool isKnown)
    {
        var rules = new List<ClassRule>();
        int number = 0;
        foreach (string raw in text.Split('\n'))
        {
            number++;
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            if (ClassRule.TryParse(line, out ClassRule? rule, isKnown) is { } error)
            {
                wrong(number, error);
            }
            else
            {
                rules.Add(rule!);
            }
        }

        return rules;
    }

    internal Classification Classify(in PeerReply reply)
    {
        foreach (ClassRule rule in _rules)
        {
            if (rule.Matches(reply))
            {
                // An answer without a code is ours.
                return reply.Code != 0 ? new Classification(rule.Class, rule.Permanent) : new Classification(rule.Class == FailureClass.Server ? FailureClass.Local : rule.Class, null);
            }
        }

        return new Classification(FailureClass.Other, null);
    }

    private static ClassRules Load()
    {
        using Stream stream = typeof(ClassRules).Assembly.GetManifestResourceStream("Relay.classes.txt")!;
        using var reader = new StreamReader(stream);
        return new ClassRules(Parse(reader.ReadToEnd(), static (line, error) => throw new InvalidOperationException($"classes.txt:{line}: {error}"), isKnown: true));
    }
}
