namespace SmtpBlaster.Messages;

/// <summary>
/// A message ready to go: a head of its own, a body that may be shared, and a tail of its own. A session has one and uses it again and again. <see cref="Head"/> begins at <see cref="HeadStart"/>, so that
/// a BDAT command fits in front.
/// </summary>
internal sealed class Draft
{
    public const int CommandRoom = 40;

    private byte[] _head = new byte[1024];

    public int HeadStart { get; private set; } = CommandRoom;

    public int HeadEnd { get; private set; } = CommandRoom;

    public ReadOnlyMemory<byte> Body { get; set; }

    public byte[] Tail { get; } = new byte[128];

    public int TailLength { get; set; }

    /// <summary>Octets of the message as it goes, without a command in front or the end of data behind.</summary>
    public long Length => HeadEnd - CommandRoom + Body.Length + TailLength;

    public ReadOnlySpan<byte> Head => _head.AsSpan(HeadStart, HeadEnd - HeadStart);

    public void Clear()
    {
        HeadStart = HeadEnd = CommandRoom;
        Body = default;
        TailLength = 0;
    }

    /// <summary>Room behind the head for so much more.</summary>
    public Span<byte> Room(int length)
    {
        if (_head.Length - HeadEnd < length)
        {
            Array.Resize(ref _head, (_head.Length + length) * 2);
        }

        return _head.AsSpan(HeadEnd);
    }

    public void Advance(int length) => HeadEnd += length;

    public void Append(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Room(text.Length));
        HeadEnd += text.Length;
    }

    public void AppendTail(ReadOnlySpan<byte> text)
    {
        text.CopyTo(Tail.AsSpan(TailLength));
        TailLength += text.Length;
    }

    /// <summary>Puts a command, at most <see cref="CommandRoom"/> octets, in front of the head.</summary>
    public void Prepend(ReadOnlySpan<byte> command)
    {
        HeadStart = CommandRoom - command.Length;
        command.CopyTo(_head.AsSpan(HeadStart));
    }
}
