using System.Globalization;
using System.Text;
using SmtpBlaster.Options;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>
/// What a sink does otherwise than to take mail: at a stage, for some recipient domains or all, and for a share of the cases. As text
/// <c>STAGE [domain=NAME] [share=5%] [delay=2s] [slow=10KiB] [drop | reset | lose | alter | twice | reply=CODE TEXT…]</c>, reply last. Immutable.
/// </summary>
internal sealed record SinkRule
{
    public required Stage Stage { get; init; }

    /// <summary>Lower case; "*.NAME" for all below it; null for every one.</summary>
    public byte[]? Domain { get; init; }

    public double Share { get; init; } = 1;

    /// <summary>Nanoseconds before the reply.</summary>
    public long Delay { get; init; }

    /// <summary>Octets a second that are read from now on; 0: no limit.</summary>
    public long Slow { get; init; }

    public SinkAct Act { get; init; }

    /// <summary>With its line end.</summary>
    public byte[]? Reply { get; init; }

    public int Code { get; init; }

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, out SinkRule rule)
    {
        rule = new SinkRule { Stage = Stage.Quit };
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Stage? stage = words.FirstOrDefault() switch
        {
            "connect" => Stage.Connect,
            "ehlo" => Stage.Ehlo,
            "mail" => Stage.Mail,
            "rcpt" => Stage.Rcpt,
            "data" => Stage.Data,
            "end" => Stage.End,
            _ => null,
        };
        if (stage is not { } at)
        {
            return $"\"{text}\" doesn't begin with a stage: connect, ehlo, mail, rcpt, data or end";
        }

        rule = rule with { Stage = at };
        for (int i = 1; i < words.Length; i++)
        {
            string word = words[i];
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string value = equals < 0 ? "" : word[(equals + 1)..];
            string? wrong = null;
            switch (equals < 0 ? word : word[..equals])
            {
                case "domain" when value.Length > 0:
                    wrong = at is not (Stage.Rcpt or Stage.Data or Stage.End) ? $"\"{text}\": no domain is known at this stage, only at rcpt, data and end"
                        : Ascii.IsValid(value) ? null : $"\"{value}\" is not a domain as SMTP says it: write an international one in its form of xn--";
                    rule = rule with { Domain = Encoding.ASCII.GetBytes(value.ToLowerInvariant()) };
                    break;
                case "share":
                    wrong = Quantity.Share(value, out double share);
                    rule = rule with { Share = share };
                    break;
                case "delay":
                    wrong = Quantity.Duration(value, out long delay);
                    rule = rule with { Delay = delay };
                    break;
                case "slow":
                    wrong = Quantity.Size(value, out long slow) ?? (slow < 1 ? $"\"{value}\" is no speed: 1 octet a second is the least" : null);
                    rule = rule with { Slow = slow };
                    break;
                case "drop" or "reset" when equals < 0:
                    rule = rule with { Act = word == "drop" ? SinkAct.Drop : SinkAct.Reset };
                    break;
                case "lose" or "alter" or "twice" when equals < 0:
                    wrong = at == Stage.End ? null : $"\"{text}\": {word} is for the stage end";
                    rule = rule with { Act = word switch { "lose" => SinkAct.Lose, "alter" => SinkAct.Alter, _ => SinkAct.Twice } };
                    break;
                case "reply" when equals > 0:
                    string reply = string.Join(' ', words[i..])["reply=".Length..];
                    bool valid = int.TryParse(reply.AsSpan(0, Math.Min(3, reply.Length)), NumberStyles.None, CultureInfo.InvariantCulture, out int code) && code is >= 200 and <= 599
                        && (reply.Length == 3 || reply[3] == ' ') && reply.All(static c => c is >= ' ' and <= '~');
                    wrong = valid ? null : $"\"{reply}\" is not a reply: write a code and a text, like reply=451 4.7.1 try again later";
                    rule = rule with { Code = code, Reply = Encoding.ASCII.GetBytes(reply + "\r\n") };
                    i = words.Length;
                    break;
                default:
                    wrong = $"\"{word}\" is not part of a rule: domain=NAME, share=5%, delay=2s, slow=10KiB, drop, reset, lose, alter, twice or reply=CODE TEXT";
                    break;
            }

            if (wrong is not null)
            {
                return wrong;
            }
        }

        return rule is { Delay: 0, Slow: 0, Act: SinkAct.None, Reply: null } ? $"\"{text}\" does nothing: add delay=, slow=, drop, reset, lose, alter, twice or reply=" : null;
    }

    public bool Matches(Stage stage, ReadOnlySpan<byte> domain, Random random)
    {
        if (stage != Stage || (Domain is { } wanted && !IsIn(domain, wanted)))
        {
            return false;
        }

        return Share >= 1 || random.NextDouble() < Share;
    }

    private static bool IsIn(ReadOnlySpan<byte> domain, ReadOnlySpan<byte> wanted) => wanted.StartsWith("*."u8)
        ? domain.Length >= wanted.Length && Ascii.EqualsIgnoreCase(domain[^(wanted.Length - 1)..], wanted[1..])
        : Ascii.EqualsIgnoreCase(domain, wanted);
}
