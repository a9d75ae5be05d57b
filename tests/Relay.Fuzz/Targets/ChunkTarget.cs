using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>A message that came in chunks: what is noted of it, from pieces of any size.</summary>
internal sealed class ChunkTarget : IFuzzTarget
{
    public static string Name => "chunk";

    public static IReadOnlyList<string> Tokens => DataTarget.Tokens;

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string text = Octets.Text(input);
        (bool Bare, bool Dot, bool EightBit, bool Ends) oracle = (
            Regex.IsMatch(text, @"\r(?!\n)|(?<!\r)\n"), Regex.IsMatch(text, @"(?<=\A|\r\n)\."), text.Any(static c => c > 127), text.Length == 0 || text.EndsWith("\r\n", StringComparison.Ordinal));
        byte[] octets = input.ToArray();
        foreach (int size in (int[])[1, 2, 3, 31, 32, 33, int.MaxValue])
        {
            ChunkScanner scanner = default;
            foreach (byte[] piece in octets.Chunk(size))
            {
                scanner.Scan(piece);
            }

            Check.Equal(oracle, (scanner.HasBareLineEnding, scanner.HasLeadingDot, scanner.HasEightBit, scanner.EndsWithLine), $"notes on pieces of {size}");
        }

        return HashCode.Combine(oracle, input.Length % 33);
    }
}
