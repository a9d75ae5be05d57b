namespace Relay.Protocol.Tests.Smtp;

/// <summary>RFC 5321 §4.5.2 read aloud, one octet at a time over the whole input: the oracle for the decoder.</summary>
internal sealed record SlowDataDecoder(bool Done, int Consumed, byte[] Stored, bool Bare, bool LeadingDot, bool EightBit)
{
    public static SlowDataDecoder Decode(byte[] wire)
    {
        var stored = new List<byte>();
        bool bare = false, leadingDot = false, eightBit = false, lineStart = true;
        for (int i = 0; i < wire.Length; i++)
        {
            if (lineStart && wire[i] == '.')
            {
                if (wire.AsSpan(i).StartsWith(".\r\n"u8))
                {
                    return new SlowDataDecoder(true, i + 3, [.. stored], bare, leadingDot, eightBit);
                }

                if (".\r\n"u8.StartsWith(wire.AsSpan(i)))
                {
                    // May still become the end.
                    break;
                }

                i++;
                leadingDot |= wire[i] == '.';
            }

            byte octet = wire[i];
            stored.Add(octet);
            eightBit |= octet > 127;
            bool crBefore = i > 0 && wire[i - 1] == '\r' && !(i > 1 && lineStart);
            bare |= octet == '\n' && !crBefore;
            // A CR at the very end of what has come may still get its LF.
            bare |= octet == '\r' && i + 1 < wire.Length && wire[i + 1] != '\n';
            lineStart = octet == '\n' && crBefore;
        }

        return new SlowDataDecoder(false, wire.Length, [.. stored], bare, leadingDot, eightBit);
    }
}
