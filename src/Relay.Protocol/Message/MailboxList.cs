using System.Buffers;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Message;

/// <summary>
/// Reads a field that names mailboxes (From: RFC 5322 §3.6.2) where it counts who they are: strictly, so that no reader finds other mailboxes there than we did. Comments and folding are taken, quoted strings too; groups, routes, an
/// "@" in a name that isn't quoted and empty elements are not. Stateless; any thread.
/// </summary>
public static class MailboxList
{
    /// <summary>More authors has no message.</summary>
    private const int MostMailboxes = 100;

    /// <summary>Adds each mailbox as <c>local@domain</c>. False when the field isn't such a list; what was added until then means nothing.</summary>
    public static bool TryRead(ReadOnlySpan<byte> value, List<byte[]> mailboxes)
    {
        byte[] room = ArrayPool<byte>.Shared.Rent(value.Length);
        try
        {
            if (!TryClean(value, room, out int length))
            {
                return false;
            }

            ReadOnlySpan<byte> rest = room.AsSpan(0, length);
            while (true)
            {
                int comma = IndexOf(rest, (byte)',');
                if (mailboxes.Count == MostMailboxes || !TryMailbox(comma < 0 ? rest : rest[..comma], out byte[] mailbox))
                {
                    return false;
                }

                mailboxes.Add(mailbox);
                if (comma < 0)
                {
                    return true;
                }

                rest = rest[(comma + 1)..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(room);
        }
    }

    /// <summary>The value without comments and line ends. False when a comment or a quoted string doesn't end, or there is another control character than a tab.</summary>
    private static bool TryClean(ReadOnlySpan<byte> value, Span<byte> clean, out int length)
    {
        length = 0;
        int depth = 0;
        bool quoted = false;
        for (int i = 0; i < value.Length; i++)
        {
            byte octet = value[i];
            if (octet is (byte)'\r' or (byte)'\n')
            {
                continue;
            }

            if (octet < ' ' && octet != '\t')
            {
                return false;
            }

            bool pair = octet == '\\' && (quoted || depth > 0);
            if (pair && ++i == value.Length)
            {
                return false;
            }

            if (pair && value[i] < ' ')
            {
                return false;
            }

            if (depth > 0)
            {
                depth += pair ? 0 : octet == '(' ? 1 : octet == ')' ? -1 : 0;
                continue;
            }

            if (octet == '(' && !quoted)
            {
                depth = 1;
                octet = (byte)' ';
            }

            quoted ^= octet == '"';
            clean[length++] = octet;
            if (pair)
            {
                clean[length++] = value[i];
            }
        }

        return depth == 0 && !quoted;
    }

    /// <summary>As span's own, but for what is quoted.</summary>
    private static int IndexOf(ReadOnlySpan<byte> text, byte wanted)
    {
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (quoted && text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (!quoted && text[i] == wanted)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary><c>[name] "&lt;" addr-spec "&gt;"</c> or an addr-spec alone.</summary>
    private static bool TryMailbox(ReadOnlySpan<byte> element, out byte[] mailbox)
    {
        mailbox = [];
        ReadOnlySpan<byte> address = element.Trim(" \t"u8);
        int open = IndexOf(address, (byte)'<');
        if (open >= 0)
        {
            ReadOnlySpan<byte> name = address[..open];
            if (address[^1] != '>' || IndexOf(name, (byte)'@') >= 0 || IndexOf(name, (byte)':') >= 0 || IndexOf(name, (byte)';') >= 0 || IndexOf(name, (byte)'>') >= 0)
            {
                return false;
            }

            address = address[(open + 1)..^1].Trim(" \t"u8);
        }

        if (!Mailbox.TryParse(address, out _, utf8: true))
        {
            return false;
        }

        mailbox = address.ToArray();
        return true;
    }
}
