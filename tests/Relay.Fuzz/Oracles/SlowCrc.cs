namespace Relay.Fuzz.Oracles;

/// <summary>CRC-32C bit by bit (RFC 3720 appendix B.4).</summary>
internal static class SlowCrc
{
    public static uint Of(ReadOnlySpan<byte> octets)
    {
        uint crc = uint.MaxValue;
        foreach (byte octet in octets)
        {
            crc ^= octet;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78;
            }
        }

        return ~crc;
    }
}
