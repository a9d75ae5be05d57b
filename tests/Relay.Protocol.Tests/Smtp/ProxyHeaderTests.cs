using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Text;
using CsCheck;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

public class ProxyHeaderTests
{
    private static readonly byte[] Signature = Segments.Bytes("\r\n\r\n\0\r\nQUIT\n");

    private static byte[] Binary(byte command, byte family, int length, params byte[] rest)
    {
        byte[] size = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(size, (ushort)length);
        return [.. Signature, command, family, .. size, .. rest];
    }

    private static byte[] Addresses(string source, string destination, ushort sourcePort, ushort destinationPort)
    {
        byte[] ports = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(ports, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(ports.AsSpan(2), destinationPort);
        return [.. IPAddress.Parse(source).GetAddressBytes(), .. IPAddress.Parse(destination).GetAddressBytes(), .. ports];
    }

    private static void Accepts(byte[] header, string expected)
    {
        byte[] wire = [.. header, .. "EHLO c\r\n"u8];
        foreach (ReadOnlySequence<byte> split in Segments.EverySplit(wire))
        {
            ReadOnlySequence<byte> buffer = split;
            Assert.Equal(ProxyStatus.Done, ProxyHeader.TryRead(ref buffer, out ProxyInfo info));
            Assert.Equal(expected, $"{(info.IsLocal ? "local" : "proxied")} {info.Source} {info.Destination}");
            Assert.Equal("EHLO c\r\n", Encoding.Latin1.GetString(buffer.ToArray()));
        }

        for (int length = 0; length < header.Length; length++)
        {
            var buffer = new ReadOnlySequence<byte>(header, 0, length);
            Assert.Equal(ProxyStatus.NeedMoreData, ProxyHeader.TryRead(ref buffer, out _));
            Assert.Equal(length, buffer.Length);
        }
    }

    private static void Refuses(byte[] header)
    {
        var buffer = new ReadOnlySequence<byte>(header);
        Assert.Equal(ProxyStatus.Malformed, ProxyHeader.TryRead(ref buffer, out ProxyInfo info));
        Assert.Equal((header.Length, default), ((int)buffer.Length, info));
    }

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n", "proxied 192.0.2.1:56324 198.51.100.2:25")]
    [InlineData("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "proxied 255.255.255.255:65535 255.255.255.255:65535")]
    [InlineData("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "proxied 0.0.0.0:0 0.0.0.0:0")]
    [InlineData("PROXY TCP6 2001:db8::1 ::1 1 25\r\n", "proxied [2001:db8::1]:1 [::1]:25")]
    [InlineData("PROXY TCP6 ::ffff:192.0.2.1 1:2:3:4:5:6::8 1 25\r\n", "proxied [::ffff:192.0.2.1]:1 [1:2:3:4:5:6:0:8]:25")]
    [InlineData("PROXY UNKNOWN\r\n", "proxied  ")]
    [InlineData("PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", "proxied  ")]
    public void I10_version_1_is_read_whole_and_no_further(string header, string expected) => Accepts(Segments.Bytes(header), expected);

    [Theory]
    [InlineData("EHLO c.example\r\n")]
    [InlineData("E")]
    [InlineData("proxy TCP4 192.0.2.1 198.51.100.2 56324 25\r\n")]
    [InlineData("PROXY\tTCP4")]
    [InlineData("PROXY  TCP4 192.0.2.1 198.51.100.2 56324 25\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\rX")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25 \r\n")]
    [InlineData("PROXY TCP4 192.0.2.1  198.51.100.2 56324 25\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2\r\n")]
    [InlineData("PROXY TCP4\r\n")]
    [InlineData("PROXY \r\n")]
    [InlineData("PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 3221225985 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP4 ::1 ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n")]
    [InlineData("PROXY TCP6 fe80::1%1 ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 [::1] ::1 1 2\r\n")]
    [InlineData("PROXY TCP6 1::2::3 ::1 1 2\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 -1 25\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 01 25\r\n")]
    [InlineData("PROXY TCP4 192.0.2.1 198.51.100.2 1 25x\r\n")]
    [InlineData("\rX")]
    [InlineData("\r\n\r\n\0\r\nQUIT\r")]
    public void I10_version_1_is_strict(string header) => Refuses(Segments.Bytes(header));

    [Fact]
    public void I10_version_1_has_107_octets_at_most()
    {
        Accepts(Segments.Bytes("PROXY UNKNOWN " + new string('x', 91) + "\r\n"), "proxied  ");
        Refuses(Segments.Bytes("PROXY UNKNOWN " + new string('x', 92) + "\r\n"));
        Refuses(Segments.Bytes("PROXY UNKNOWN " + new string('x', 92) + "\r"));
        Refuses(Segments.Bytes("PROXY UNKNOWN " + new string('x', 10_000)));
    }

    [Fact]
    public void I10_version_2_is_read_whole_and_no_further()
    {
        Accepts(Binary(0x21, 0x11, 12, Addresses("192.0.2.1", "198.51.100.2", 56324, 25)), "proxied 192.0.2.1:56324 198.51.100.2:25");
        Accepts(Binary(0x21, 0x21, 36, Addresses("2001:db8::1", "::1", 1, 25)), "proxied [2001:db8::1]:1 [::1]:25");
        Accepts(Binary(0x21, 0x31, 216, new byte[216]), "proxied  ");
        Accepts(Binary(0x21, 0x00, 0), "proxied  ");
        Accepts(Binary(0x20, 0x00, 0), "local  ");
        // What a health check says of itself doesn't matter.
        Accepts(Binary(0x20, 0x11, 12, Addresses("192.0.2.1", "198.51.100.2", 1, 2)), "local  ");
        Accepts(Binary(0x20, 0xFF, 3, 1, 2, 3), "local  ");
        // TLVs are skipped, whatever is in them.
        Accepts(Binary(0x21, 0x11, 19, [.. Addresses("192.0.2.1", "198.51.100.2", 1, 2), 0x04, 0xFF, 0xFF, (byte)'\r', (byte)'\n', (byte)'E', 0]), "proxied 192.0.2.1:1 198.51.100.2:2");
    }

    [Theory]
    [InlineData(0x11, 0x11, 12)]
    [InlineData(0x31, 0x11, 12)]
    [InlineData(0x22, 0x11, 12)]
    [InlineData(0x2F, 0x11, 12)]
    [InlineData(0x21, 0x12, 12)]
    [InlineData(0x21, 0x22, 36)]
    [InlineData(0x21, 0x32, 216)]
    [InlineData(0x21, 0x10, 12)]
    [InlineData(0x21, 0x01, 0)]
    [InlineData(0x21, 0x41, 12)]
    [InlineData(0x21, 0x11, 11)]
    [InlineData(0x21, 0x11, 0)]
    [InlineData(0x21, 0x21, 35)]
    [InlineData(0x21, 0x31, 215)]
    [InlineData(0x21, 0x11, 4097)]
    [InlineData(0x20, 0x00, 65535)]
    public void I10_version_2_is_strict_and_says_so_before_the_addresses_come(byte command, byte family, int length)
    {
        Refuses(Binary(command, family, length));
        Refuses(Binary(command, family, length, new byte[300]));
    }

    [Fact]
    public void I10_version_2_may_have_4096_octets_behind_its_length() => Accepts2(Binary(0x21, 0x11, 4096, [.. Addresses("192.0.2.1", "198.51.100.2", 1, 2), .. new byte[4084]]));

    private static void Accepts2(byte[] header)
    {
        ReadOnlySequence<byte> buffer = Segments.Cut(header, 1000);
        Assert.Equal(ProxyStatus.Done, ProxyHeader.TryRead(ref buffer, out _));
        Assert.True(buffer.IsEmpty);
    }

    [Fact]
    public void I10_no_octets_at_all_make_it_throw() => Gen.Select(Gen.OneOf<byte[]>(Signature, [.. Signature, 0x21, 0x11, 0, 12], Segments.Bytes("PROXY "), Segments.Bytes("PROXY TCP6 "), []),
        Gen.OneOf(Gen.Byte, Gen.Byte[(byte)' ', (byte)':']).Array[0, 300]).Sample(static (head, tail) =>
    {
        byte[] wire = [.. head, .. tail];
        ReadOnlySequence<byte> whole = Segments.Cut(wire, 7);
        ProxyStatus status = ProxyHeader.TryRead(ref whole, out ProxyInfo info);
        Assert.True(status == ProxyStatus.Done || (whole.Length == wire.Length && info == default));
        // A longer buffer never takes back a verdict.
        var half = new ReadOnlySequence<byte>(wire, 0, wire.Length / 2);
        Assert.True(ProxyHeader.TryRead(ref half, out _) is ProxyStatus.NeedMoreData || status == ProxyHeader.TryRead(ref half, out _) || half.Length < wire.Length / 2);
    });
}
