using System.Buffers;
using System.Globalization;
using System.Text;

namespace Relay.Protocol.Dsn;

/// <summary>
/// Writes text of unknown origin as lines of printable ASCII: a line is broken at a space before column 76, a word too long for any line is cut, and every line but the first begins with
/// a space, so that nothing in the text can begin a header field, a boundary or a line with a dot. What isn't ASCII is written as its number, \x{20AC} (RFC 6533 §3).
/// </summary>
internal ref struct FoldedText
{
    /// <summary>RFC 5322 §2.1.1: lines should be no longer than 78.</summary>
    private const int Width = 76;

    /// <summary>RFC 5322 §2.1.1: no line is longer than 998. A word is cut only far above the width, or addresses and links would break.</summary>
    private const int MaximumWord = 900;

    private readonly IBufferWriter<byte> _output;
    private readonly int _indent;
    private int _column;
    private bool _fresh;

    /// <summary>
    /// <paramref name="indent"/> spaces, at least one, begin each line that is added. The line at hand stands at <paramref name="column"/>; unless it is <paramref name="fresh"/>,
    /// a space goes before its next word.
    /// </summary>
    public FoldedText(IBufferWriter<byte> output, int indent, int column, bool fresh)
    {
        _output = output;
        _indent = indent;
        _column = column;
        _fresh = fresh;
    }

    /// <summary>Writes words separated by single spaces.</summary>
    public void Words(ReadOnlySpan<char> text)
    {
        while (true)
        {
            text = text.TrimStart();
            if (text.IsEmpty)
            {
                return;
            }

            int end = text.IndexOfAny(" \t\r\n");
            Word(end < 0 ? text : text[..end]);
            text = end < 0 ? default : text[end..];
        }
    }

    /// <summary>Ends the line.</summary>
    public readonly void End() => _output.Write("\r\n"u8);

    /// <summary>Writes what isn't to be broken, spaces inside it or not: an address.</summary>
    public void Word(ReadOnlySpan<char> word)
    {
        Span<byte> text = stackalloc byte[16];
        int length = 0;
        foreach (Rune rune in word.EnumerateRunes())
        {
            length += Encoded(rune, text);
        }

        if (!_fresh && _column + 1 + length > Width)
        {
            NewLine();
        }
        else if (!_fresh)
        {
            _output.Write(" "u8);
            _column++;
        }

        _fresh = false;
        int written = 0;
        foreach (Rune rune in word.EnumerateRunes())
        {
            int octets = Encoded(rune, text);
            if (written + octets > MaximumWord)
            {
                NewLine();
                written = 0;
            }

            _output.Write(text[..octets]);
            written += octets;
            _column += octets;
        }
    }

    private void NewLine()
    {
        _output.Write("\r\n"u8);
        for (int i = 0; i < _indent; i++)
        {
            _output.Write(" "u8);
        }

        _column = _indent;
    }

    private static int Encoded(Rune rune, Span<byte> text)
    {
        if (rune.Value is >= ' ' and <= '~')
        {
            text[0] = (byte)rune.Value;
            return 1;
        }

        if (rune.Value < 0x80)
        {
            text[0] = (byte)'?';
            return 1;
        }

        "\\x{"u8.CopyTo(text);
        rune.Value.TryFormat(text[3..], out int digits, "X", CultureInfo.InvariantCulture);
        text[3 + digits] = (byte)'}';
        return digits + 4;
    }
}
