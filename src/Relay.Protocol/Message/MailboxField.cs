namespace Relay.Protocol.Message;

/// <summary>Reads a field that names mailboxes (From, Sender: RFC 5322 §3.4), as they are really written: comments, quoted strings, groups, folded lines.</summary>
public static class MailboxField
{
    /// <summary>
    /// The domain of the first mailbox, white space and comments taken off its ends; empty when none is found. Looks only as far as that; what is malformed behind it doesn't matter.
    /// </summary>
    public static ReadOnlySpan<byte> FirstDomain(ReadOnlySpan<byte> value)
    {
        int at = -1;
        bool angle = false;
        for (int i = 0; i < value.Length; i++)
        {
            switch (value[i])
            {
                case (byte)'"':
                    i = EndOfQuoted(value, i);
                    break;
                case (byte)'(':
                    if (at >= 0)
                    {
                        return Trim(value[(at + 1)..i]);
                    }

                    i = EndOfComment(value, i);
                    break;
                case (byte)'<':
                    // What stood in front of it was a name, an "@" in it or not.
                    at = -1;
                    angle = true;
                    break;
                case (byte)'@':
                    at = i;
                    break;
                case (byte)':' when angle:
                    // The end of an obsolete route (§4.4).
                    at = -1;
                    break;
                case (byte)'[' when at >= 0:
                    int close = value[i..].IndexOf((byte)']');
                    return close < 0 ? default : Trim(value.Slice(at + 1, i + close - at));
                case (byte)'>' or (byte)',' or (byte)';' when at >= 0 && !(angle && value[i] == ','):
                    return Trim(value[(at + 1)..i]);
            }
        }

        return at < 0 ? default : Trim(value[(at + 1)..]);
    }

    private static int EndOfQuoted(ReadOnlySpan<byte> value, int at)
    {
        for (at++; at < value.Length && value[at] != '"'; at++)
        {
            if (value[at] == '\\')
            {
                at++;
            }
        }

        return at;
    }

    /// <summary>Comments nest.</summary>
    private static int EndOfComment(ReadOnlySpan<byte> value, int at)
    {
        int depth = 0;
        for (; at < value.Length; at++)
        {
            switch (value[at])
            {
                case (byte)'\\':
                    at++;
                    break;
                case (byte)'(':
                    depth++;
                    break;
                case (byte)')' when --depth == 0:
                    return at;
            }
        }

        return at;
    }

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> domain) => domain.Trim(" \t\r\n"u8);
}
