using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Daemon.Probe;

/// <summary>
/// A ClientHello of TLS 1.0 or 1.1 (RFC 2246 §7.4.1.2, RFC 4346), and what the server's first octets say to it. Written by hand, because the OpenSSL of this machine may refuse to say it, and the
/// handshake need not go on.
/// </summary>
internal static class OldTlsHello
{
    private const byte Handshake = 22;

    /// <summary>A record's header and a handshake message's up to its version.</summary>
    private const int ServerHelloLength = 11;

    /// <summary>ECDHE and RSA with AES and 3DES; the last says that we would renegotiate safely (RFC 5746).</summary>
    private static readonly ushort[] Suites = [0xc014, 0xc013, 0xc00a, 0xc009, 0x0039, 0x0033, 0x0035, 0x002f, 0xc012, 0x0016, 0x000a, 0x00ff];

    /// <summary><paramref name="minor"/>: 1 for TLS 1.0, 2 for TLS 1.1. A name for SNI, or null.</summary>
    public static byte[] Create(byte minor, string? name)
    {
        byte[] suites = [.. Suites.SelectMany(static s => (byte[])[(byte)(s >> 8), (byte)s])];
        byte[] host = Encoding.ASCII.GetBytes(name ?? "");
        byte[] extensions =
        [
            .. host.Length == 0 ? [] : (byte[])[0, 0, .. Counted([.. Counted([0, .. Counted(host)])])],
            0, 10, .. Counted(Counted([0, 29, 0, 23, 0, 24, 0, 25])),
            0, 11, .. Counted([1, 0]),
        ];
        byte[] body = [3, minor, .. RandomNumberGenerator.GetBytes(32), 0, .. Counted(suites), 1, 0, .. Counted(extensions)];
        return [Handshake, 3, 1, .. Counted([1, 0, .. Counted(body)])];
    }

    /// <summary>True when more wouldn't say more.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> answer) => answer.Length >= ServerHelloLength || (answer.Length > 0 && answer[0] != Handshake);

    /// <summary>True for a ServerHello of that version; anything else is an alert, or a version that wasn't asked for.</summary>
    public static bool IsAccepted(ReadOnlySpan<byte> answer, byte minor) =>
        answer.Length >= ServerHelloLength && answer[0] == Handshake && answer[5] == 2 && answer[9] == 3 && answer[10] == minor;

    /// <summary>With its length in two octets before it.</summary>
    private static byte[] Counted(byte[] content)
    {
        byte[] counted = new byte[2 + content.Length];
        BinaryPrimitives.WriteUInt16BigEndian(counted, checked((ushort)content.Length));
        content.CopyTo(counted, 2);
        return counted;
    }
}
