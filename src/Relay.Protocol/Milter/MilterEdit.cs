using System.Buffers.Binary;

namespace Relay.Protocol.Milter;

/// <summary>The data of a milter's change to a message, as spans of the packet. Which of them mean something is said by the reader that filled it.</summary>
public readonly ref struct MilterEdit
{
    private MilterEdit(uint index, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        Index = index;
        First = first;
        Second = second;
    }

    /// <summary>Of a header field.</summary>
    public uint Index { get; }

    /// <summary>A header field's name; an address; a reason.</summary>
    public ReadOnlySpan<byte> First { get; }

    /// <summary>A header field's value; the parameters of an address.</summary>
    public ReadOnlySpan<byte> Second { get; }

    /// <summary>Reads the data of any edit but a body. False when it isn't as the protocol says, or names a header field that can't be.</summary>
    public static bool TryRead(MilterReplyKind reply, ReadOnlySpan<byte> data, out MilterEdit edit)
    {
        edit = default;
        switch (reply)
        {
            case MilterReplyKind.AddHeader:
                return TryTexts(data, 0, needsSecond: true, out edit) && IsName(edit.First);
            case MilterReplyKind.InsertHeader or MilterReplyKind.ChangeHeader:
                return data.Length > 4 && TryTexts(data[4..], BinaryPrimitives.ReadUInt32BigEndian(data), needsSecond: true, out edit) && IsName(edit.First);
            case MilterReplyKind.AddRecipient or MilterReplyKind.DeleteRecipient or MilterReplyKind.Quarantine:
                return TryTexts(data, 0, needsSecond: false, out edit) && edit.Second.IsEmpty;
            case MilterReplyKind.AddRecipientWithParameters or MilterReplyKind.ChangeSender:
                return TryTexts(data, 0, needsSecond: false, out edit);
            default:
                return false;
        }
    }

    private static bool TryTexts(ReadOnlySpan<byte> data, uint index, bool needsSecond, out MilterEdit edit)
    {
        edit = default;
        int end = data.IndexOf((byte)0);
        if (end < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = data[(end + 1)..];
        int second = rest.IndexOf((byte)0);
        // What stands behind the last NUL is nobody's.
        if (second < 0 ? needsSecond || !rest.IsEmpty : second != rest.Length - 1)
        {
            return false;
        }

        edit = new MilterEdit(index, data[..end], second < 0 ? [] : rest[..second]);
        return true;
    }

    /// <summary>RFC 5322 §2.2: printable, and no colon.</summary>
    private static bool IsName(ReadOnlySpan<byte> name) => !name.IsEmpty && !name.ContainsAnyExceptInRange((byte)'!', (byte)'~') && !name.Contains((byte)':');
}
