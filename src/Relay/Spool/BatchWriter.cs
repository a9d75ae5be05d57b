using System.Buffers.Binary;

namespace Relay.Spool;

/// <summary>
/// Writes one batch of records at a time: into one big buffer, from there into the segment, a marker at its end, then the sync. A batch begins on a page of its own.
/// The committer's thread only. The first error sticks until <see cref="Finish"/> reports it.
/// </summary>
internal sealed class BatchWriter(SpoolFiles files, LogPosition durable, ulong lastSequence)
{
    internal const int Page = 4096;

    private readonly byte[] _buffer = new byte[1024 * 1024];
    private Segment? _segment;
    private LogPosition _durable = durable;
    private ulong _sequence = lastSequence;
    private int _used;
    private long _bufferAt;
    private long _batchStart;
    private int _error;

    /// <summary>Octets of the batch so far.</summary>
    internal long Length => _bufferAt + _used - _batchStart;

    internal Segment? Segment => _segment;

    /// <summary>Where the next record goes; between batches the end of the last one, with its page.</summary>
    internal long Position => _bufferAt + _used;

    private static long MarkerLength => RecordHeader.PaddedLength(RecordFields.MarkerLength, 0);

    /// <summary>What the longest record of a segment may take.</summary>
    internal static long Capacity(long segmentSize) => segmentSize - SegmentHeader.DataStart - MarkerLength;

    internal bool HasRoom(long recordLength) => _segment is { } segment && _bufferAt + _used + recordLength + MarkerLength <= segment.Size;

    /// <summary>Goes on in a fresh segment. Between batches only.</summary>
    internal void Use(Segment segment)
    {
        _segment = segment;
        _bufferAt = _batchStart = SegmentHeader.DataStart;
        _used = 0;
    }

    /// <summary>Where the next record begins behind one at a place.</summary>
    internal static long After(long at, RecordHeader record) =>
        // Behind a marker the next batch begins, on a page of its own.
        record.Type == RecordType.Marker ? (at + record.RecordLength + Page - 1) & -Page : at + record.RecordLength;

    /// <summary>Adds a record for which there is room: its fields in two parts, and its body. Returns its offset.</summary>
    internal long Add(RecordType type, ReadOnlySpan<byte> fields, ReadOnlySpan<byte> moreFields, ReadOnlySpan<byte> body)
    {
        long offset = _bufferAt + _used;
        Span<byte> header = stackalloc byte[RecordHeader.Length];
        var record = new RecordHeader(type, fields.Length + moreFields.Length, body.Length, _segment!.Generation, ++_sequence);
        record.Write(header);
        uint crc = Crc32C.Append(Crc32C.Append(Crc32C.Append(0, header[4..]), fields), moreFields);
        BinaryPrimitives.WriteUInt32LittleEndian(header, crc);
        Put(header);
        Put(fields);
        Put(moreFields);
        Put(body);
        Pad((int)(offset + record.RecordLength - _bufferAt - _used));
        return offset;
    }

    /// <summary>
    /// Ends the batch and makes it durable. Returns 0 or the errno, with the step that failed. After an error for want of space the segment is given up,
    /// because what was
    /// written of the batch can't be taken back: without a marker it never counts.
    /// </summary>
    internal int Finish(ulong lastId, out string step)
    {
        Span<byte> marker = stackalloc byte[RecordFields.MarkerLength];
        RecordFields.WriteMarker(marker, _durable, lastId);
        Add(RecordType.Marker, marker, [], []);
        Pad((int)(-(_bufferAt + _used) & (Page - 1)));
        Flush();
        step = "writing the log";
        int error = _error;
        if (error == 0)
        {
            step = "syncing the log";
            error = files.Sync(_segment!.File);
            if (Errno.IsSpace(error))
            {
                // A sync that failed is final, whatever for: the pages are forgotten.
                error = Errno.InputOutput;
            }
        }

        if (error == 0)
        {
            _durable = new LogPosition(_segment!.Number, _bufferAt);
        }
        else
        {
            _segment = null;
        }

        _batchStart = _bufferAt;
        _error = 0;
        return error;
    }

    /// <summary>Gives the batch and its segment up for an error outside the log, which is given back: without a marker nothing of it counts.</summary>
    internal int Drop(int error)
    {
        _segment = null;
        _batchStart = _bufferAt;
        _used = 0;
        _error = 0;
        return Errno.IsSpace(error) ? Errno.InputOutput : error;
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_used == _buffer.Length)
            {
                Flush();
            }

            int n = Math.Min(bytes.Length, _buffer.Length - _used);
            bytes[..n].CopyTo(_buffer.AsSpan(_used));
            _used += n;
            bytes = bytes[n..];
        }
    }

    private void Pad(int length)
    {
        while (length > 0)
        {
            if (_used == _buffer.Length)
            {
                Flush();
            }

            int n = Math.Min(length, _buffer.Length - _used);
            _buffer.AsSpan(_used, n).Clear();
            _used += n;
            length -= n;
        }
    }

    private void Flush()
    {
        if (_error == 0)
        {
            _error = files.WriteAll(_segment!.File, _buffer.AsSpan(0, _used), _bufferAt);
        }

        _bufferAt += _used;
        _used = 0;
    }
}
