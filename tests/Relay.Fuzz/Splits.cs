using System.Buffers;

namespace Relay.Fuzz;

/// <summary>The ways to cut an input that a parser must not be able to tell apart.</summary>
internal static class Splits
{
    private const int Every = 40;
    private const int Some = 6;

    /// <summary>In one, in pieces of 1, 2 and 3, and in two: at every place when the input is short, at some otherwise.</summary>
    public static IEnumerable<ReadOnlySequence<byte>> Of(byte[] input)
    {
        yield return new ReadOnlySequence<byte>(input);
        for (int size = 1; size <= 3; size++)
        {
            yield return Segment.Join(input.Chunk(size));
        }

        int step = input.Length <= Every ? 1 : input.Length / Some;
        for (int at = 1; at < input.Length; at += step)
        {
            yield return Segment.Join([input[..at], input[at..]]);
        }
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public static ReadOnlySequence<byte> Join(IEnumerable<byte[]> parts)
        {
            Segment? first = null;
            Segment? last = null;
            foreach (byte[] part in parts)
            {
                var next = new Segment { Memory = part, RunningIndex = last is null ? 0 : last.RunningIndex + last.Memory.Length };
                first ??= next;
                if (last is not null)
                {
                    last.Next = next;
                }

                last = next;
            }

            return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
        }
    }
}
