using System.Globalization;
using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>The parameters of MAIL and RCPT: of each its extension, and its value as a regular expression of the RFC that has it, with what a regular expression can't say.</summary>
internal sealed class SlowParameters
{
    private static readonly Dictionary<string, (Extensions Extensions, string Form, Func<string, Extensions, bool> IsGood)> OfMail = new(StringComparer.Ordinal)
    {
        ["SIZE"] = (Extensions.Size, "=[0-9]{1,20}", Any),
        ["BODY"] = (Extensions.EightBitMime | Extensions.BinaryMime, "=(?:7BIT|8BITMIME|BINARYMIME)", IsBody),
        ["SMTPUTF8"] = (Extensions.SmtpUtf8, "", Any),
        ["REQUIRETLS"] = (Extensions.RequireTls, "", Any),
        ["RET"] = (Extensions.Dsn, "=(?:FULL|HDRS)", Any),
        ["ENVID"] = (Extensions.Dsn, "=.+", static (value, _) => SlowXText.IsPrintable(value, 100, utf8: false)),
        ["AUTH"] = (Extensions.Auth, "=.+", static (value, offered) => SlowXText.IsPrintable(value, 500, offered.HasFlag(Extensions.SmtpUtf8))),
        ["BY"] = (Extensions.DeliverBy, "=[+-]?[0-9]{1,9};[NR]T?", static (value, _) => !value.Contains('R', StringComparison.OrdinalIgnoreCase) || Seconds(value) > 0),
        ["HOLDFOR"] = (Extensions.FutureRelease, "=[1-9][0-9]{0,8}", Any),
        ["HOLDUNTIL"] = (Extensions.FutureRelease, "=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})", static (value, _) => Date(value) is not null),
        ["MT-PRIORITY"] = (Extensions.MtPriority, "=(?:0|-?[1-9])", Any),
    };

    private static readonly Dictionary<string, (Extensions Extensions, string Form, Func<string, Extensions, bool> IsGood)> OfRcpt = new(StringComparer.Ordinal)
    {
        ["NOTIFY"] = (Extensions.Dsn, "=(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*)", Any),
        ["ORCPT"] = (Extensions.Dsn, "=[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+;.+", static (value, _) => IsOriginalRecipient(value)),
    };

    /// <summary>0, 501 or 555.</summary>
    public int Code { get; private set; }

    /// <summary>Keyword in upper case, and what stands behind its "=".</summary>
    public Dictionary<string, string> Given { get; } = new(StringComparer.Ordinal);

    public static SlowParameters Read(string text, bool mail, Extensions offered)
    {
        var read = new SlowParameters();
        string value = !mail && offered.HasFlag(Extensions.SmtpUtf8) ? @"[!-<>-~\x80-\xFF]" : "[!-<>-~]";
        foreach (string parameter in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            read.Code = Regex.IsMatch(parameter, @"\A[A-Za-z0-9][A-Za-z0-9-]*(?:=" + value + @"+)?\z") ? read.Take(parameter, mail ? OfMail : OfRcpt, offered) : 501;
            if (read.Code != 0)
            {
                break;
            }
        }

        // RFC 4865 §4: one or the other.
        read.Code = read.Code == 0 && read.Given.ContainsKey("HOLDFOR") && read.Given.ContainsKey("HOLDUNTIL") ? 501 : read.Code;
        return read;
    }

    /// <summary>The seconds of BY.</summary>
    public static long Seconds(string by) => long.Parse(by.Split(';')[0], CultureInfo.InvariantCulture);

    /// <summary>RFC 3339 §5.6, in UTC and whole seconds, or null.</summary>
    public static DateTimeOffset? Date(string text)
    {
        int[] numbers = [.. Regex.Matches(text[..19], "[0-9]+").Select(static m => int.Parse(m.Value, CultureInfo.InvariantCulture))];
        Match offset = Regex.Match(text, @"(?<sign>[+-])(?<hours>[0-9]{2}):(?<minutes>[0-9]{2})\z");
        int hours = offset.Success ? int.Parse(offset.Groups["hours"].Value, CultureInfo.InvariantCulture) : 0;
        int minutes = offset.Success ? int.Parse(offset.Groups["minutes"].Value, CultureInfo.InvariantCulture) : 0;
        if (numbers[5] > 60 || hours > 23 || minutes > 59)
        {
            return null;
        }

        try
        {
            var time = new DateTime(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], 0, DateTimeKind.Utc);
            TimeSpan east = new(hours, minutes, 0);
            DateTime utc = time.AddSeconds(numbers[5]) + (offset.Groups["sign"].Value == "-" ? east : -east);
            return utc == default ? null : new DateTimeOffset(utc);
        }
        catch (ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    private static bool Any(string value, Extensions offered) => true;

    private static bool IsBody(string value, Extensions offered) => value.ToUpperInvariant() switch
    {
        "8BITMIME" => offered.HasFlag(Extensions.EightBitMime),
        "BINARYMIME" => offered.HasFlag(Extensions.BinaryMime),
        _ => true,
    };

    private static bool IsOriginalRecipient(string value)
    {
        string type = value.Split(';')[0];
        string address = value[(type.Length + 1)..];
        return value.Length <= 500 && (address.All(char.IsAscii)
            ? SlowXText.IsPrintable(address, 500, utf8: false)
            : type.Equals("utf-8", StringComparison.OrdinalIgnoreCase) && SlowXText.IsUtf8(address) && !address.Contains('+', StringComparison.Ordinal));
    }

    private int Take(string parameter, Dictionary<string, (Extensions Extensions, string Form, Func<string, Extensions, bool> IsGood)> known, Extensions offered)
    {
        string keyword = parameter.Split('=')[0].ToUpperInvariant();
        if (!known.TryGetValue(keyword, out var one) || (offered & one.Extensions) == 0)
        {
            return 555;
        }

        string rest = parameter[keyword.Length..];
        return Regex.IsMatch(rest, @"\A(?:" + one.Form + @")\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant) && one.IsGood(rest.TrimStart('='), offered) && Given.TryAdd(keyword, rest.TrimStart('='))
            ? 0
            : 501;
    }
}
