namespace Relay.Protocol.Sasl;

/// <summary>saslname (RFC 5801 §4, RFC 5802 §5.1): comma and equals sign stand there as =2C and =3D.</summary>
internal static class SaslName
{
    public static bool TryRead(ReadOnlySpan<byte> text, out byte[] name)
    {
        name = new byte[text.Length];
        int length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            byte octet = text[i];
            if (octet == '=')
            {
                ReadOnlySpan<byte> escape = text[i..];
                octet = escape.StartsWith("=2C"u8) ? (byte)',' : escape.StartsWith("=3D"u8) ? (byte)'=' : (byte)0;
                i += 2;
            }
            else if (octet == ',')
            {
                octet = 0;
            }

            if (octet == 0)
            {
                return false;
            }

            name[length++] = octet;
        }

        name = name[..length];
        return true;
    }
}
