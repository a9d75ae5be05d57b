using System.Buffers;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Send;

/// <summary>
/// Writes a message's content as it goes over the wire: the stored octets as they are by BDAT, and also behind DATA where no line begins with a dot; otherwise dot-stuffed (RFC 5321 §4.5.2). One message after the other;
/// its connection's owner's.
/// </summary>
internal sealed class ContentWriter(OutboundConnection connection)
{
    private const int PieceLength = 64 * 1024;

    private TransactionPart? _part;
    private DataEncoder _encoder;
    private long _at;

    /// <summary>The content of a transaction comes next.</summary>
    public void Begin(TransactionPart part)
    {
        _part = part;
        _at = 0;
        _encoder = new DataEncoder(raw: !part.Transaction.Message.Message.Envelope.Flags.HasFlag(EnvelopeFlags.HasLeadingDot));
    }

    /// <summary>Writes all of a content that may be in memory, or a piece of a large one; how many of its octets. False: that was the end. Throws <see cref="SpoolReadException"/>.</summary>
    public bool WriteMore(out int octets)
    {
        TransactionPart part = _part!;
        SpoolBody body = part.Transaction.Body;
        int length = part.IsLarge ? (int)Math.Min(PieceLength, body.Length - _at) : (int)body.Length;
        if (part.Content is { } content)
        {
            foreach (ReadOnlyMemory<byte> segment in content.Slice(_at, length))
            {
                Write(part, segment.Span);
            }
        }
        else if (length > 0)
        {
            Load(part, body, length);
        }

        octets = length;
        _at += length;
        if (_at < body.Length)
        {
            return true;
        }

        if (!part.IsChunk)
        {
            _encoder.Finish(connection.Output);
        }

        _part = null;
        return false;
    }

    private void Load(TransactionPart part, SpoolBody body, int length)
    {
        byte[] piece = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            body.Read(_at, piece.AsSpan(0, length));
            Write(part, piece.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    private void Write(TransactionPart part, ReadOnlySpan<byte> octets)
    {
        if (part.IsChunk)
        {
            // Exactly what is stored, a last line without CRLF included: the count is that of the content, and who must have lines completes it.
            connection.Output.Write(octets);
        }
        else
        {
            _encoder.Write(octets, connection.Output);
        }
    }
}
