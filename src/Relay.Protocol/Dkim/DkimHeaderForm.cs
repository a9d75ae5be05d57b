namespace Relay.Protocol.Dkim;

/// <summary>Brings header fields into the form that is hashed (RFC 6376 §3.4.1, §3.4.2).</summary>
internal static class DkimHeaderForm
{
    private static readonly System.Buffers.SearchValues<byte> Space = System.Buffers.SearchValues.Create(" \t\r"u8);

    /// <summary>A field with all its octets, CRLF included. With <paramref name="last"/> the CRLF is left out: the signature's own field (§3.7).</summary>
    public static void Append(HashStream hash, DkimCanonicalization form, ReadOnlySpan<byte> field, bool last = false)
    {
        if (field.EndsWith("\r\n"u8))
        {
            field = field[..^2];
        }

        if (form == DkimCanonicalization.Simple)
        {
            hash.Append(field);
        }
        else
        {
            AppendRelaxed(hash, field);
        }

        if (!last)
        {
            hash.Append("\r\n"u8);
        }
    }

    private static void AppendRelaxed(HashStream hash, ReadOnlySpan<byte> field)
    {
        int colon = field.IndexOf((byte)':');
        ReadOnlySpan<byte> name = field[..colon].TrimEnd(" \t"u8);
        Span<byte> lower = stackalloc byte[128];
        while (!name.IsEmpty)
        {
            int length = Math.Min(name.Length, lower.Length);
            System.Text.Ascii.ToLower(name[..length], lower, out _);
            hash.Append(lower[..length]);
            name = name[length..];
        }

        hash.Append(":"u8);
        ReadOnlySpan<byte> value = field[(colon + 1)..];
        bool any = false;
        bool space = false;
        while (!value.IsEmpty)
        {
            if (value[0] is (byte)' ' or (byte)'\t')
            {
                space = true;
                value = value[1..];
            }
            else if (value.StartsWith("\r\n"u8))
            {
                value = value[2..];
            }
            else
            {
                if (space && any)
                {
                    hash.Append(" "u8);
                }

                space = false;
                any = true;
                // A CR that begins no line end is text.
                int end = value[1..].IndexOfAny(Space) + 1;
                end = end == 0 ? value.Length : end;
                hash.Append(value[..end]);
                value = value[end..];
            }
        }
    }
}
