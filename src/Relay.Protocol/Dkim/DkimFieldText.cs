using System.Globalization;

namespace Relay.Protocol.Dkim;

/// <summary>The text of a DKIM-Signature field while it is put together: tags, folded where RFC 6376 §3.2 and §3.5 allow it. Its room is the caller's; what doesn't fit is a bug of ours and throws.</summary>
internal ref struct DkimFieldText(Span<byte> room)
{
    /// <summary>RFC 5322 §2.1.1.</summary>
    private const int Width = 78;

    private readonly Span<byte> _room = room;
    private int _column;
    private bool _named;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _room[..Length];

    public void Put(scoped ReadOnlySpan<byte> text)
    {
        text.CopyTo(_room[Length..]);
        Length += text.Length;
        _column += text.Length;
    }

    /// <summary>One tag with its semicolon, on a line of its own where it doesn't fit any more.</summary>
    public void Tag(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value)
    {
        if (_column + name.Length + value.Length + 3 > Width)
        {
            NewLine();
        }
        else
        {
            Put(" "u8);
        }

        Put(name);
        Put("="u8);
        Put(value);
        Put(";"u8);
    }

    public void Tag(scoped ReadOnlySpan<byte> name, long value)
    {
        Span<byte> digits = stackalloc byte[20];
        value.TryFormat(digits, out int length, provider: CultureInfo.InvariantCulture);
        Tag(name, digits[..length]);
    }

    /// <summary>One name of the list that h= is; the first begins the tag.</summary>
    public void Name(scoped ReadOnlySpan<byte> name)
    {
        if (!_named)
        {
            NewLine();
            Put("h="u8);
            _named = true;
        }
        else
        {
            Put(":"u8);
            if (_column + name.Length + 1 > Width)
            {
                NewLine();
            }
        }

        Put(name);
    }

    /// <summary>Base64 in lines; white space inside counts for nothing.</summary>
    public void Base64(scoped ReadOnlySpan<byte> octets)
    {
        // 54 octets are 72 characters.
        Span<byte> line = stackalloc byte[72];
        for (bool first = true; !octets.IsEmpty; first = false)
        {
            int take = Math.Min(54, octets.Length);
            System.Buffers.Text.Base64.EncodeToUtf8(octets[..take], line, out _, out int length);
            if (!first)
            {
                NewLine();
            }

            Put(line[..length]);
            octets = octets[take..];
        }
    }

    public void NewLine()
    {
        Put("\r\n\t"u8);
        _column = 8;
    }
}
