using System.Globalization;
using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Settle;

/// <summary>
/// One line of a file of classes: answers with one of these codes whose text has this pattern are of this class. Without codes it is about any, without a pattern about any text. Immutable; any thread.
/// </summary>
/// <param name="Class">What they are.</param>
/// <param name="Permanent">What they mean, whatever class of code the server chose; null leaves it to the code.</param>
/// <param name="Codes">"550", "55x", "5.1.1", "5.1.x", "x.1.1".</param>
/// <param name="Text">Searched for in the reply's text; made when it is first wanted.</param>
public sealed record ClassRule(FailureClass Class, bool? Permanent, IReadOnlyList<string> Codes, Lazy<Regex>? Text)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public bool Matches(in PeerReply reply) => (Codes.Count == 0 || HasCode(reply)) && (Text is null || Text.Value.IsMatch(reply.Text));

    /// <summary>Null, or what is wrong with the line, which is neither comment nor empty. The pattern of a line that is known to be right isn't tried now: it takes some 20 ms and 3 MB to make.</summary>
    public static string? TryParse(string line, out ClassRule? rule, bool isKnown = false)
    {
        rule = null;
        string pattern = "";
        int slash = line.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0)
        {
            if (line.Length == slash + 1 || !line.EndsWith('/'))
            {
                return "a pattern stands between slashes, at the end of the line";
            }

            pattern = line[(slash + 1)..^1];
            line = line[..slash];
        }

        string[] words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || !FailureClassWord.TryParse(words[0], out FailureClass @class))
        {
            return $"\"{(words.Length == 0 ? "" : words[0])}\" is no class: there are {string.Join(", ", FailureClassWord.All)}";
        }

        bool? permanent = null;
        var codes = new List<string>();
        foreach (string word in words[1..])
        {
            if (word is "temporary" or "permanent" && permanent is null && codes.Count == 0)
            {
                permanent = word == "permanent";
            }
            else if (IsCode(word))
            {
                codes.Add(word);
            }
            else
            {
                return $"\"{word}\" is neither a code, like 550, 5.1.1 or x.1.1, nor \"temporary\" or \"permanent\" behind the class";
            }
        }

        if (codes.Count == 0 && pattern.Length == 0)
        {
            return "a rule without code and pattern would be about every answer";
        }

        try
        {
            // In time that grows with the text alone, whatever the pattern: the text is a stranger's.
            Lazy<Regex>? text = pattern.Length == 0 ? null : new(() => new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, Patience));
            _ = isKnown ? null : text?.Value;
            rule = new ClassRule(@class, permanent, codes, text);
            return null;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return $"the pattern can't be used: {e.Message}";
        }
    }

    private static bool IsCode(string word)
    {
        string[] parts = word.Split('.');
        return parts.Length == 1 ? word.Length == 3 && word.All(IsDigit) : parts.Length == 3 && parts.All(static p => p == "x" || (p.Length is > 0 and <= 3 && p.All(char.IsAsciiDigit)));
    }

    private static bool IsDigit(char c) => char.IsAsciiDigit(c) || c == 'x';

    private bool HasCode(in PeerReply reply)
    {
        Span<char> basic = stackalloc char[3];
        bool hasBasic = reply.Code is >= 100 and <= 999 && reply.Code.TryFormat(basic, out _, provider: CultureInfo.InvariantCulture);
        foreach (string code in Codes)
        {
            if (code.Contains('.', StringComparison.Ordinal) ? reply.Enhanced.IsPresent && HasEnhanced(code, reply.Enhanced) : hasBasic && HasBasic(code, basic))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasBasic(string code, ReadOnlySpan<char> basic)
    {
        for (int i = 0; i < 3; i++)
        {
            if (code[i] != 'x' && code[i] != basic[i])
            {
                return false;
            }
        }

        return true;
    }

    private static bool HasEnhanced(string code, EnhancedStatusCode enhanced)
    {
        int first = code.IndexOf('.', StringComparison.Ordinal);
        int second = code.LastIndexOf('.');
        return Is(code.AsSpan(0, first), enhanced.Class) && Is(code.AsSpan(first + 1, second - first - 1), enhanced.Subject) && Is(code.AsSpan(second + 1), enhanced.Detail);
    }

    private static bool Is(ReadOnlySpan<char> part, int number) => part is "x" || int.Parse(part, NumberStyles.None, CultureInfo.InvariantCulture) == number;
}
