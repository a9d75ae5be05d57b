using System.Buffers.Text;
using System.Text;

namespace SmtpBlaster.Messages;

/// <summary>An address with places in it: <c>{n}</c> is the recipient's number in the run, <c>{d}</c> the number of a domain, from 1 on. Immutable.</summary>
internal sealed class AddressPattern
{
    // Text, and what stands behind it: 'n', 'd', or nothing behind the last.
    private readonly (byte[] Text, char Place)[] _parts;
    private readonly int _domains;

    private AddressPattern(string text, (byte[], char)[] parts, int domains)
    {
        (Text, _parts, _domains) = (text, parts, domains);
        MaximumLength = text.Length + (20 * parts.Length);
    }

    public string Text { get; }

    public bool HasNumber => _parts.Any(static p => p.Place == 'n');

    /// <summary>A recipient's number can be read off its address: it is what the local part ends with.</summary>
    public bool TellsNumber => Text.Contains("{n}@", StringComparison.Ordinal);

    public int MaximumLength { get; }

    /// <summary>Null, or what is wrong.</summary>
    public static string? Parse(string text, int domains, out AddressPattern pattern)
    {
        var parts = new List<(byte[], char)>();
        int begin = 0;
        for (int at = 0; at + 3 <= text.Length; at++)
        {
            // Braces around anything else are an address's own.
            if (text.AsSpan(at, 3) is "{n}" or "{d}")
            {
                parts.Add((Encoding.ASCII.GetBytes(text[begin..at]), text[at + 1]));
                begin = at + 3;
                at += 2;
            }
        }

        parts.Add((Encoding.ASCII.GetBytes(text[begin..]), ' '));
        pattern = new AddressPattern(text, [.. parts], domains);
        string example = text.Replace("{n}", "1", StringComparison.Ordinal).Replace("{d}", "1", StringComparison.Ordinal);
        bool isAddress = text.Length == 0 || (Ascii.IsValid(example) && Relay.Protocol.Smtp.Mailbox.TryParse(Encoding.ASCII.GetBytes(example), out _));
        return !isAddress ? $"\"{text}\" is not an address: write one like u{{n}}@d{{d}}.example, {{n}} for the recipient's number, {{d}} for a domain's"
            : domains > 1 && !text.Contains("{d}", StringComparison.Ordinal) ? $"\"{text}\" has no place {{d}} for one of {domains} domains" : null;
    }

    public int Write(long number, Span<byte> into)
    {
        int at = 0;
        foreach ((byte[] text, char place) in _parts)
        {
            text.CopyTo(into[at..]);
            at += text.Length;
            if (place != ' ')
            {
                Utf8Formatter.TryFormat(place == 'n' ? number : (number % _domains) + 1, into[at..], out int written);
                at += written;
            }
        }

        return at;
    }
}
