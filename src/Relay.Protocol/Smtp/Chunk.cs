using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>The argument of BDAT (RFC 3030 §2): how many octets follow its CRLF, and whether the message ends with them. The size is what a client says; nothing is to be allocated for it.</summary>
public readonly record struct Chunk(long Size, bool IsLast)
{
    /// <summary><c>1*DIGIT [SP "LAST"]</c>. False also for a size above <see cref="long.MaxValue"/>.</summary>
    internal static bool TryParse(ReadOnlySpan<byte> argument, out Chunk chunk)
    {
        int space = argument.IndexOf((byte)' ');
        ReadOnlySpan<byte> marker = space < 0 ? default : argument[space..].TrimStart((byte)' ');
        bool valid = Number.TryParse(space < 0 ? argument : argument[..space], out long size) && (space < 0 || Ascii.EqualsIgnoreCase(marker, "LAST"u8));
        chunk = valid ? new Chunk(size, space >= 0) : default;
        return valid;
    }
}
