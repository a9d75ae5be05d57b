using System.Buffers;
using System.Text;

namespace Relay.Protocol.Tests;

/// <summary>Sequences of several segments, as a pipe gives them.</summary>
internal static class Segments
{
    /// <summary>One octet to an octet: a string literal can hold any wire bytes.</summary>
    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    public static ReadOnlySequence<byte> Of(params byte[][] parts)
    {
        if (parts.Length == 0)
        {
            return ReadOnlySequence<byte>.Empty;
        }

        var first = new Segment(parts[0], 0);
        Segment last = first;
        foreach (byte[] part in parts[1..])
        {
            last = last.Append(part);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    /// <summary>Cut into pieces of <paramref name="size"/>.</summary>
    public static ReadOnlySequence<byte> Cut(byte[] bytes, int size) => Of(bytes.Chunk(size).ToArray());

    /// <summary>Cut in two at every place, and into pieces of 1, 2 and 3.</summary>
    public static IEnumerable<ReadOnlySequence<byte>> EverySplit(byte[] bytes)
    {
        yield return new ReadOnlySequence<byte>(bytes);
        for (int i = 0; i <= bytes.Length; i++)
        {
            yield return Of(bytes[..i], bytes[i..]);
        }

        for (int size = 1; size <= 3; size++)
        {
            yield return Cut(bytes, size);
        }
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes, long index)
        {
            Memory = bytes;
            RunningIndex = index;
        }

        public Segment Append(byte[] bytes)
        {
            var next = new Segment(bytes, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
