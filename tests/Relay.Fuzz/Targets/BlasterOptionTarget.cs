using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;
using SmtpBlaster.Messages;
using SmtpBlaster.Options;
using SmtpBlaster.Report;
using SmtpBlaster.Sink;

namespace Relay.Fuzz.Targets;

/// <summary>The load tool's little languages on the command line: distributions, quantities, addresses with places, rules of a sink. Each text is given to each: it is refused in one line, or what is made of it keeps its word.</summary>
internal sealed class BlasterOptionTarget : IFuzzTarget
{
    private const long Most = 1 << 30;

    public static string Name => "blaster-option";

    public static IReadOnlyList<string> Tokens =>
    [
        "4KiB", "uniform:", "1KiB,64KiB", "list:", "*70", "lognormal:", ",1.5", "1.5", "10MiB", "GiB", "0", "-1", "1e9", "NaN", ".", "99999999999999999999", "5%", "250ms", "1h", "us", "10:500", ":", "sender@s{d}.test", "u{n}@d{d}.test", "{n}", "{d}", "{", "}", "@", "\"", "[127.0.0.1]",
        "connect ", "ehlo ", "mail ", "rcpt ", "data ", "end ", "domain=full.test ", "domain=*.gone.test ", "domain=", "share=5% ", "share=1e-3 ", "delay=2s ", "slow=10KiB ", "slow=0 ", "drop", "reset", "lose", "alter", "twice", "reply=452 4.2.2 full", "reply=421", "reply=", "\u00C3\u00BC", "\r\n", "\t",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string text = Octets.Text(input);
        return HashCode.Combine(Sizes(text), Addresses(text), Rules(text), Quantities(text));
    }

    private static int Sizes(string text)
    {
        string? wrong = Distribution.Parse(text, 1, Most, out Distribution sizes);
        if (Told(wrong))
        {
            return wrong!.Length % 16;
        }

        Check.True(sizes.Least is >= 1 and <= Most && sizes.Most is >= 1 and <= Most && sizes.Least <= sizes.Most, "bounds");
        var random = new Random(1);
        for (int i = 0; i < 20; i++)
        {
            Check.True(sizes.Draw(random) is var drawn && drawn >= sizes.Least && drawn <= sizes.Most, "drawn beyond the bounds");
        }

        return text.IndexOf(':', StringComparison.Ordinal);
    }

    private static int Addresses(string text)
    {
        if (Told(AddressPattern.Parse(text, 1, out AddressPattern pattern)))
        {
            return 0;
        }

        byte[] octets = new byte[pattern.MaximumLength];
        foreach (long number in (long[])[0, long.MaxValue])
        {
            ReadOnlySpan<byte> address = octets.AsSpan(0, pattern.Write(number, octets));
            Check.Equal(text.Replace("{n}", $"{number}", StringComparison.Ordinal).Replace("{d}", "1", StringComparison.Ordinal), Octets.Text(address), "the address");
            Check.True(!address.ContainsAny((byte)'\r', (byte)'\n', (byte)0) && address.IndexOfAnyExceptInRange((byte)0, (byte)127) < 0, "an address that is more than one line");
            Check.True(number != 0 || address.IsEmpty || Mailbox.TryParse(address, out _), "not an address");
        }

        return pattern.HasNumber ? 1 : 2;
    }

    private static int Rules(string text)
    {
        string? wrong = SinkRule.Parse(text, out SinkRule rule);
        if (Told(wrong))
        {
            return wrong!.Length % 16;
        }

        Check.True(rule is { Share: >= 0 and <= 1, Delay: >= 0, Slow: >= 0 } && rule.Stage <= Stage.End, "a rule out of its bounds");
        Check.True(rule.Reply is null || Regex.IsMatch(Octets.Text(rule.Reply), @"\A[2-5][0-9][0-9](?: [^\r\n]*)?\r\n\z"), "a reply that is more than one line");
        _ = rule.Matches(rule.Stage, "a.gone.test"u8, new Random(1));
        return HashCode.Combine(rule.Stage, rule.Act, rule.Code, rule.Domain?.Length > 0, rule.Delay > 0, rule.Slow > 0, rule.Share < 1);
    }

    private static int Quantities(string text)
    {
        bool size = Told(Quantity.Size(text, out long octets));
        bool duration = Told(Quantity.Duration(text, out long nanoseconds));
        bool share = Told(Quantity.Share(text, out double part));
        bool span = Told(Quantity.Span(text, out double from, out double to));
        Check.True(size || octets >= 0, "a size below 0");
        Check.True(duration || nanoseconds >= 0, "a duration below 0");
        Check.True(share || part is >= 0 and <= 1, "a share out of its bounds");
        Check.True(span || (from > 0 && to > 0), "a span from or to nothing");
        return HashCode.Combine(size, duration, share, span);
    }

    private static bool Told(string? wrong)
    {
        Check.True(wrong != "", "a refusal without a reason");
        return wrong is not null;
    }
}
