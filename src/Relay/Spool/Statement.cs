using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>
/// What a record says of a message whose record is in another segment: new states of recipients, or (null) that this record of the message doesn't count any more, because the message is
/// gone or was copied. Segment 0: wherever the message is.
/// </summary>
internal readonly record struct Statement(long Segment, QueueId Id, RecipientUpdate[]? States)
{
    internal int FieldLength => States is null ? RecordFields.RemoveLength : RecordFields.UpdateLength + (States.Length * RecordFields.StateLength);

    internal RecordType Type => States is null ? RecordType.Remove : RecordType.Update;

    /// <summary>What it takes as a record of the log.</summary>
    internal long RecordLength => RecordHeader.PaddedLength(FieldLength, 0);

    internal void WriteTo(Span<byte> fields)
    {
        RecordFields.WriteSubject(fields, Id, Segment);
        RecordFields.WriteStates(fields[RecordFields.UpdateLength..], States);
    }
}
