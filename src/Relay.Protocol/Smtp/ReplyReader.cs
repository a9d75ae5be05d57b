using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Takes a server's replies off the front of a buffer (RFC 5321 §4.2): one or more lines with the same code. A lone LF ends a line too, because real servers send it and nothing
/// can be smuggled in a reply; a reply beyond the limits, with NUL, or without a proper code makes the connection useless. Consumes nothing unless Done. Stateless; any thread.
/// </summary>
public static class ReplyReader
{
    /// <summary>RFC 5321 §4.5.3.1.5 says 512 octets with the line's ending; some servers explain themselves at greater length.</summary>
    public const int MaximumLineLength = 1000;

    /// <summary>For a reply of many lines; the largest EHLO replies known are a few kilobytes.</summary>
    public const int MaximumLength = 64 * 1024;

    public static ReplyStatus TryRead(ref ReadOnlySequence<byte> buffer, out PeerReply reply) => Read(ref buffer, ehlo: false, out reply, out _);

    /// <summary>Reads the reply to EHLO, and what it offers when it is a 250.</summary>
    public static ReplyStatus TryReadEhlo(ref ReadOnlySequence<byte> buffer, out PeerReply reply, out ServerExtensions extensions) =>
        Read(ref buffer, ehlo: true, out reply, out extensions);

    private static ReplyStatus Read(ref ReadOnlySequence<byte> buffer, bool ehlo, out PeerReply reply, out ServerExtensions extensions)
    {
        reply = default;
        extensions = default;
        byte[]? joined = null;
        try
        {
            ReadOnlySpan<byte> data = buffer.FirstSpan;
            ReplyStatus status = Measure(data, out int code, out int length);
            if (status == ReplyStatus.NeedMoreData && !buffer.IsSingleSegment)
            {
                int size = (int)Math.Min(buffer.Length, MaximumLength + 1);
                joined = ArrayPool<byte>.Shared.Rent(size);
                buffer.Slice(0, size).CopyTo(joined);
                data = joined.AsSpan(0, size);
                status = Measure(data, out code, out length);
            }

            if (status == ReplyStatus.Done)
            {
                data = data[..length];
                reply = ReplyText.Read(code, data);
                extensions = ehlo && code == (int)ReplyCode.Completed250 ? EhloKeywords.Read(data) : default;
                buffer = buffer.Slice(length);
            }

            return status;
        }
        finally
        {
            if (joined is not null)
            {
                ArrayPool<byte>.Shared.Return(joined);
            }
        }
    }

    /// <summary><c>Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF</c></summary>
    private static ReplyStatus Measure(ReadOnlySpan<byte> data, out int code, out int length)
    {
        code = 0;
        length = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = data[length..];
            int end = rest.IndexOf((byte)'\n');
            if (end < 0)
            {
                return rest.Length >= MaximumLineLength || data.Length > MaximumLength ? ReplyStatus.Malformed : ReplyStatus.NeedMoreData;
            }

            length += end + 1;
            ReadOnlySpan<byte> line = ReplyText.WithoutEnding(rest[..(end + 1)]);
            if (end >= MaximumLineLength || length > MaximumLength || !TryCode(line, out int lineCode) || (code != 0 && lineCode != code) || line.Contains((byte)0))
            {
                return ReplyStatus.Malformed;
            }

            code = lineCode;
            if (line.Length == 3 || line[3] == ' ')
            {
                return ReplyStatus.Done;
            }
        }
    }

    private static bool TryCode(ReadOnlySpan<byte> line, out int code)
    {
        code = 0;
        if (line.Length < 3 || line[0] is < (byte)'2' or > (byte)'5' || line[1] is < (byte)'0' or > (byte)'9' || line[2] is < (byte)'0' or > (byte)'9' ||
            (line.Length > 3 && line[3] is not ((byte)' ' or (byte)'-')))
        {
            return false;
        }

        code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
        return true;
    }
}
