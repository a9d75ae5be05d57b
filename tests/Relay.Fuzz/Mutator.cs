namespace Relay.Fuzz;

/// <summary>Makes new inputs of known ones. The same random numbers give the same inputs.</summary>
internal sealed class Mutator(Random random, IReadOnlyList<byte[]> tokens)
{
    private const int MaximumLength = 4096;

    // Octets at which grammars change their mind.
    private static readonly byte[] Borders = [.. "\r\n\0\t .,:;<>@[]()\"\\=-+/%!*_09aAzZ{}"u8, 0x7F, 0x80, 0xBF, 0xC3, 0xA9, 0xE2, 0xFF];

    public byte[] Mutate(byte[] input, byte[] other)
    {
        var octets = new List<byte>(input);
        for (int changes = 1 << random.Next(4); changes > 0; changes--)
        {
            Change(octets, other);
        }

        return octets.Count <= MaximumLength ? [.. octets] : [.. octets.Take(MaximumLength)];
    }

    private void Change(List<byte> octets, byte[] other)
    {
        int at = random.Next(octets.Count + 1);
        int length = Math.Min(octets.Count - at, 1 + random.Next(random.Next(4) == 0 ? 64 : 6));
        switch (random.Next(11))
        {
            case 0 when at < octets.Count:
                octets[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < octets.Count:
                octets[at] = Octet();
                break;
            case 2:
                octets.Insert(at, Octet());
                break;
            case 3 or 4 when tokens.Count > 0:
                octets.InsertRange(at, tokens[random.Next(tokens.Count)]);
                break;
            case 5:
                octets.RemoveRange(at, length);
                break;
            case 6:
                // A piece of it again, somewhere.
                octets.InsertRange(random.Next(octets.Count + 1), octets.GetRange(at, length));
                break;
            case 7 when other.Length > 0:
                int from = random.Next(other.Length);
                octets.InsertRange(at, other[from..Math.Min(other.Length, from + 1 + random.Next(32))]);
                break;
            case 8 when other.Length > 0:
                // The front of the one, the back of the other.
                octets.RemoveRange(at, octets.Count - at);
                octets.AddRange(other[random.Next(other.Length)..]);
                break;
            case 9 when at < octets.Count:
                // One octet many times: limits.
                octets.InsertRange(at, Enumerable.Repeat(octets[at], 1 + random.Next(random.Next(4) == 0 ? 300 : 70)));
                break;
            default:
                if (at < octets.Count && char.IsAsciiLetter((char)octets[at]))
                {
                    octets[at] ^= 0x20;
                }

                break;
        }
    }

    private byte Octet() => random.Next(3) == 0 ? (byte)random.Next(256) : Borders[random.Next(Borders.Length)];
}
