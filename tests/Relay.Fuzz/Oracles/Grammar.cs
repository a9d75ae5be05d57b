using System.Text;
using System.Text.RegularExpressions;

namespace Relay.Fuzz.Oracles;

/// <summary>The grammar of RFC 5321 §4.1.2 and §4.1.3 as regular expressions over strings, one production after the other, with the limits of §4.5.3.1 counted afterwards.</summary>
internal static class Grammar
{
    // With SMTPUTF8 (RFC 6531 §3.3) whatever isn't ASCII counts as a letter; strings are decoded UTF-8 then.
    private const string Letter = "A-Za-z0-9";
    private const string Beyond = "\u0080-\uFFFF";
    private const string AtomText = Letter + "!#$%&'*+/=?^_`{|}~\\-";
    private const string Number = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private const string IPv4 = Number + @"(?:\." + Number + "){3}";
    private const string Group = "[0-9A-Fa-f]{1,4}";

    private static readonly Regex Ascii = Mailbox("");
    private static readonly Regex Utf8 = Mailbox(Beyond);
    private static readonly Regex AsciiDomain = Make(Domain(""));
    private static readonly Regex Utf8Domain = Make(Domain(Beyond));
    private static readonly Regex Address = Make(IPv4);
    private static readonly Regex Full = Make($"(?:{Group}:){{7}}{Group}|(?:{Group}:){{6}}{IPv4}");
    private static readonly Regex Compressed = Make($"(?:(?<g>{Group})(?::(?<g>{Group}))*)?::(?:(?:(?<g>{Group}):)*(?:(?<g>{Group})|(?<v4>{IPv4})))?");

    /// <summary>Null when it is no mailbox; otherwise its domain.</summary>
    public static string? DomainOfMailbox(string octets, bool utf8)
    {
        if (octets.Length > 254 || !TryDecode(octets, utf8, out string text))
        {
            return null;
        }

        Match match = (utf8 ? Utf8 : Ascii).Match(text);
        if (!match.Success || Length(match.Groups["local"].Value) > 64)
        {
            return null;
        }

        string domain = match.Groups["domain"].Value;
        return domain[0] == '[' ? (IsLiteral(domain) ? domain : null) : HasShortLabels(domain) ? Encode(domain) : null;
    }

    public static bool IsDomain(string octets, bool utf8) =>
        octets.Length <= 255 && TryDecode(octets, utf8, out string text) && (utf8 ? Utf8Domain : AsciiDomain).IsMatch(text) && HasShortLabels(text);

    public static bool IsLiteral(string text)
    {
        if (text.Length < 2 || text[0] != '[' || text[^1] != ']')
        {
            return false;
        }

        text = text[1..^1];
        if (!text.StartsWith("IPv6:", StringComparison.OrdinalIgnoreCase))
        {
            return Address.IsMatch(text);
        }

        text = text[5..];
        if (Full.IsMatch(text))
        {
            return true;
        }

        // "::" stands for two groups at least; a dotted address is two.
        Match match = Compressed.Match(text);
        return match.Success && match.Groups["g"].Captures.Count + 2 * match.Groups["v4"].Captures.Count <= 6;
    }

    public static bool IsHelloName(string text) => text.Length is > 0 and <= 255 && (text[0] == '[' ? IsLiteral(text) : Regex.IsMatch(text, @"\A[" + AtomText + @".]+\z"));

    private static Regex Mailbox(string beyond) => Make(
        $"(?<local>[{AtomText}{beyond}]+(?:\\.[{AtomText}{beyond}]+)*|\"(?:[ !#-\\[\\]-~{beyond}]|\\\\[ -~])*\")@(?<domain>{Domain(beyond)}|\\[[ -~]*\\])");

    private static string Domain(string beyond) => $"[{Letter}{beyond}](?:[{Letter}{beyond}-]*[{Letter}{beyond}])?(?:\\.[{Letter}{beyond}](?:[{Letter}{beyond}-]*[{Letter}{beyond}])?)*";

    private static Regex Make(string pattern) => new(@"\A(?:" + pattern + @")\z", RegexOptions.CultureInvariant | RegexOptions.Compiled);

    private static bool HasShortLabels(string domain) => domain.Split('.').All(static l => Length(l) <= 63);

    private static int Length(string text) => Encoding.UTF8.GetByteCount(text);

    private static string Encode(string text) => Octets.Text(Encoding.UTF8.GetBytes(text));

    private static bool TryDecode(string octets, bool utf8, out string text)
    {
        text = octets;
        if (!utf8)
        {
            return true;
        }

        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Octets.Of(octets));
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
