using System.Buffers;

namespace Relay.Protocol.Message;

/// <summary>
/// The header section of a message (RFC 5322 §2.2) as it passes by in pieces of any size, kept as it is, and its fields. Bounded: one that is longer or has more fields is <see cref="IsTooLong"/>, and
/// nothing of it is kept. One thread at a time; reused after <see cref="Reset"/>, which gives the memory back.
/// </summary>
public sealed class HeaderSection
{
    /// <summary>No honest message has more; what has more is not looked at.</summary>
    public const int MaximumLength = 128 * 1024;

    /// <summary>As above.</summary>
    public const int MaximumFields = 2000;

    private const int FirstLength = 4096;
    private const int FirstFields = 64;

    private byte[] _octets = [];
    private int _length;
    private HeaderField[] _fields = new HeaderField[FirstFields];

    /// <summary>The empty line was seen, or <see cref="End"/> said that nothing comes any more.</summary>
    public bool HasEnded { get; private set; }

    public bool IsTooLong { get; private set; }

    /// <summary>How many fields there are, once it has ended.</summary>
    public int Count { get; private set; }

    /// <summary>All of it, what is no field included, without the empty line; once it has ended.</summary>
    public ReadOnlySpan<byte> Octets => _octets.AsSpan(0, _length);

    public HeaderField this[int index] => _fields.AsSpan(0, Count)[index];

    /// <summary>Takes what belongs to the section, the empty line behind it included; returns how much that is.</summary>
    public int Append(ReadOnlySpan<byte> text)
    {
        if (HasEnded || text.IsEmpty)
        {
            return 0;
        }

        int before = _length;
        int room = Math.Min(text.Length, MaximumLength - _length);
        Ensure(_length + room);
        text[..room].CopyTo(_octets.AsSpan(_length));
        _length += room;
        ReadOnlySpan<byte> all = _octets.AsSpan(0, _length);
        int from = Math.Max(0, before - 3);
        int end = all.StartsWith("\r\n"u8) ? 0 : all[from..].IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            IsTooLong = room < text.Length;
            if (IsTooLong)
            {
                HasEnded = true;
            }

            return text.Length;
        }

        int empty = all.StartsWith("\r\n"u8) ? 0 : from + end + 2;
        _length = empty;
        End();
        return empty + 2 - before;
    }

    /// <summary>The message has ended: whatever there is, is header.</summary>
    public void End()
    {
        if (HasEnded)
        {
            return;
        }

        HasEnded = true;
        ReadOnlySpan<byte> rest = _octets.AsSpan(0, _length);
        while (!rest.IsEmpty)
        {
            int length = LengthOfField(rest);
            int name = LengthOfName(rest[..length]);
            if (name > 0 && !TryAdd(new HeaderField(_length - rest.Length, name, length)))
            {
                return;
            }

            rest = rest[length..];
        }
    }

    /// <summary>The field's name as it is written.</summary>
    public ReadOnlySpan<byte> Name(HeaderField field) => _octets.AsSpan(field.Start, field.NameLength);

    /// <summary>All octets of the field, the CRLF at its end included where there is one.</summary>
    public ReadOnlySpan<byte> Raw(HeaderField field) => _octets.AsSpan(field.Start, field.Length);

    /// <summary>What stands behind the colon, folded as it is.</summary>
    public ReadOnlySpan<byte> Value(HeaderField field)
    {
        ReadOnlySpan<byte> raw = Raw(field);
        return raw[(raw.IndexOf((byte)':') + 1)..];
    }

    public void Reset()
    {
        if (_octets.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_octets);
            _octets = [];
        }

        if (_fields.Length > FirstFields)
        {
            _fields = new HeaderField[FirstFields];
        }

        _length = 0;
        Count = 0;
        HasEnded = false;
        IsTooLong = false;
    }

    /// <summary>Up to the CRLF that no white space follows.</summary>
    private static int LengthOfField(ReadOnlySpan<byte> text)
    {
        int at = 0;
        while (true)
        {
            int end = text[at..].IndexOf("\r\n"u8);
            if (end < 0)
            {
                return text.Length;
            }

            at += end + 2;
            if (at == text.Length || text[at] is not ((byte)' ' or (byte)'\t'))
            {
                return at;
            }
        }
    }

    /// <summary>0 when there is none: no field then (RFC 5322 §3.6.8; white space in front of the colon is the old form of §4.5).</summary>
    private static int LengthOfName(ReadOnlySpan<byte> field)
    {
        int length = field.IndexOf((byte)':');
        while (length > 0 && field[length - 1] is (byte)' ' or (byte)'\t')
        {
            length--;
        }

        return length > 0 && field[..length].IndexOfAnyExceptInRange((byte)'!', (byte)'~') < 0 ? length : 0;
    }

    private bool TryAdd(HeaderField field)
    {
        if (Count == MaximumFields)
        {
            IsTooLong = true;
            Count = 0;
            return false;
        }

        if (Count == _fields.Length)
        {
            Array.Resize(ref _fields, Math.Min(2 * Count, MaximumFields));
        }

        _fields[Count++] = field;
        return true;
    }

    private void Ensure(int length)
    {
        if (_octets.Length >= length)
        {
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, Math.Max(FirstLength, 2 * _octets.Length)));
        _octets.AsSpan(0, _length).CopyTo(larger);
        if (_octets.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_octets);
        }

        _octets = larger;
    }
}
