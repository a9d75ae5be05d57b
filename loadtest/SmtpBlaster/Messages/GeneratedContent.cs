using System.Buffers.Text;
using System.Text;
using Relay.Spool;
using SmtpBlaster.Options;

namespace SmtpBlaster.Messages;

/// <summary>
/// Messages made up in the sizes of a distribution, counted in octets of the body. All share one long text; the last line of each is its own, so that a body that got under another header is found out. The text's checksum up
/// to each line is known beforehand: a message costs its header and that line.
/// </summary>
internal sealed class GeneratedContent : IMessageContent
{
    /// <summary>The least body: its last line.</summary>
    public const int LeastSize = 40;

    private const int LineLength = 78;

    private readonly Distribution _sizes;
    private readonly AddressPattern _from;
    private readonly AddressPattern _to;
    private readonly byte[] _text;

    // Of the text up to the beginning of each line.
    private readonly uint[] _crcs;

    // The Date field of this second, shared by all threads: replaced as a whole.
    private volatile DateLine _date;

    public GeneratedContent(Distribution sizes, AddressPattern from, AddressPattern to, TimeProvider time)
    {
        (_sizes, _from, _to) = (sizes, from, to);
        int lines = (int)(sizes.Most / LineLength) + 2;
        _text = GC.AllocateUninitializedArray<byte>(lines * LineLength, pinned: true);
        _crcs = new uint[lines];
        uint crc = 0;
        for (int line = 0; line < lines; line++)
        {
            Span<byte> at = _text.AsSpan(line * LineLength, LineLength);
            for (int i = 0; i < LineLength - 2; i++)
            {
                // Printable, never a dot, different in each line.
                at[i] = (byte)('A' + ((line + (i * 7)) % 26));
            }

            at[^2] = (byte)'\r';
            at[^1] = (byte)'\n';
            _crcs[line] = crc;
            crc = Crc32C.Append(crc, at);
        }

        _date = DateLine.At(time.GetUtcNow());
    }

    public void Fill(Draft draft, in MessageFacts facts, bool stuffed, Random random)
    {
        int size = (int)Math.Max(LeastSize, _sizes.Draw(random));
        draft.Clear();
        // Whole lines of the text, then a line that fills up the size and ends with what is this message's alone.
        int lines = (size - LeastSize) / LineLength;
        draft.Body = _text.AsMemory(0, lines * LineLength);
        Span<byte> tail = draft.Tail.AsSpan(0, size - (lines * LineLength));
        tail[..^2].Fill((byte)'-');
        Utf8Formatter.TryFormat(facts.Run, tail, out int written, new System.Buffers.StandardFormat('x', 8));
        tail[written++] = (byte)' ';
        Utf8Formatter.TryFormat(facts.Number, tail[written..], out int more);
        tail[written + more] = (byte)' ';
        "\r\n"u8.CopyTo(tail[^2..]);
        draft.TailLength = tail.Length;
        uint crc = Crc32C.Append(_crcs[lines], tail);
        var marker = new Marker(facts.Run, facts.Number, facts.Count, facts.SentMicros, size, crc);
        draft.Advance(marker.Write(draft.Room(Marker.MaximumLength)));
        draft.Append(Date(facts.SentMicros));
        draft.Append("From: <"u8);
        draft.Advance(_from.Write(facts.Number, draft.Room(_from.MaximumLength)));
        draft.Append(">\r\nTo: <"u8);
        draft.Advance(_to.Write(facts.Number, draft.Room(_to.MaximumLength)));
        draft.Append(">\r\nMessage-ID: <"u8);
        Utf8Formatter.TryFormat(facts.Number, draft.Room(20), out written);
        draft.Advance(written);
        draft.Append("."u8);
        Utf8Formatter.TryFormat(facts.Run, draft.Room(8), out written, new System.Buffers.StandardFormat('x', 8));
        draft.Advance(written);
        draft.Append("@blaster.test>\r\nSubject: smtp-blaster\r\n\r\n"u8);
    }

    private byte[] Date(long micros)
    {
        DateLine date = _date;
        if (date.Second != micros / 1_000_000)
        {
            _date = date = DateLine.At(DateTimeOffset.UnixEpoch.AddTicks(micros * 10));
        }

        return date.Line;
    }

    private sealed record DateLine(long Second, byte[] Line)
    {
        public static DateLine At(DateTimeOffset now) => new(now.ToUnixTimeSeconds(), Encoding.ASCII.GetBytes(FormattableString.Invariant($"Date: {now:ddd, dd MMM yyyy HH:mm:ss} +0000\r\n")));
    }
}
