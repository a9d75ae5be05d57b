using System.Buffers;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>PROXY headers of both versions, by every split.</summary>
internal sealed class ProxyTarget : IFuzzTarget
{
    public static string Name => "proxy";

    public static IReadOnlyList<string> Tokens =>
    [
        "PROXY ", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n", "PROXY TCP6 2001:db8::1 ::1 65535 0\r\n", "PROXY UNKNOWN\r\n", "TCP4", "TCP6", " ", "\r\n", "::", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8", "65536", "0",
        "\r\n\r\n\0\r\nQUIT\n", "\r\n\r\n\0\r\nQUIT\n\u0021\u0011\0\u000C", "\r\n\r\n\0\r\nQUIT\n\u0021\u0021\0\u0024", "\u0020", "\u0021", "\u0011", "\u0031", "\0\u000C", "\0\u0024", "\0\u00D8",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        SlowProxy oracle = SlowProxy.Read(Octets.Text(input));
        foreach (ReadOnlySequence<byte> split in Splits.Of(input.ToArray()))
        {
            ReadOnlySequence<byte> buffer = split;
            ProxyStatus status = ProxyHeader.TryRead(ref buffer, out ProxyInfo info);
            var ours = new SlowProxy(status, input.Length - (int)buffer.Length, info.Source?.ToString() ?? "", info.Destination?.ToString() ?? "", info.IsLocal);
            Check.Equal(oracle, status == ProxyStatus.Done ? ours : ours with { IsLocal = false, Source = "", Destination = "" }, "header");
        }

        return HashCode.Combine((int)oracle.Status, oracle.IsLocal, oracle.Source.Length, oracle.Length, Math.Min(input.Length, 40));
    }
}
