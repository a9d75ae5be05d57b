using System.Buffers;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>Line after line out of one buffer, by every split.</summary>
internal sealed class LineTarget : IFuzzTarget
{
    private const int Limit = 48;

    public static string Name => "line";

    public static IReadOnlyList<string> Tokens => ["\r\n", "\r", "\n", "\r\r\n", "NOOP\r\n", "", "MAIL FROM:<a@b.example>\r\n"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string left = Octets.Text(input);
        var lines = new List<SlowLine>();
        do
        {
            lines.Add(SlowLine.Read(left, Limit));
            left = lines[^1].Status == LineStatus.Line ? left[(lines[^1].Text.Length + 2)..] : left;
        }
        while (lines[^1].Status == LineStatus.Line);

        byte[] scratch = new byte[Limit];
        foreach (ReadOnlySequence<byte> split in Splits.Of(input.ToArray()))
        {
            ReadOnlySequence<byte> buffer = split;
            foreach (SlowLine line in lines)
            {
                LineStatus status = LineReader.TryRead(ref buffer, scratch, out ReadOnlySpan<byte> text);
                Check.Equal(line, new SlowLine(status, Octets.Text(text)), "line");
            }

            Check.Equal(left.Length, (int)buffer.Length, "octets left");
        }

        return HashCode.Combine(lines.Count, (int)lines[^1].Status, left.Length);
    }
}
