using System.Buffers;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>xtext read, and any octets written as xtext and read again.</summary>
internal sealed class XTextTarget : IFuzzTarget
{
    public static string Name => "xtext";

    public static IReadOnlyList<string> Tokens => ["+", "+2B", "+3D", "+00", "+0", "+fF", "=", "abc", " ", "\u007F", "\u00FF"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string? oracle = SlowXText.Decode(Octets.Text(input));
        byte[] into = new byte[input.Length];
        Check.Equal(oracle is not null, XText.IsValid(input), "xtext");
        Check.Equal(oracle is not null, XText.TryDecode(input, into, out int length), "decoded");
        if (oracle is not null)
        {
            Check.Equal(oracle, Octets.Text(into.AsSpan(0, length)), "octets");
            Check.True(oracle.Length == 0 || !XText.TryDecode(input, into.AsSpan(0, oracle.Length - 1), out _), "octets were written where there is no room");
        }

        var encoded = new ArrayBufferWriter<byte>();
        XText.Encode(input, encoded);
        Check.Equal(Octets.Text(input), SlowXText.Decode(Octets.Text(encoded.WrittenSpan)), "encoded and decoded");
        return HashCode.Combine(oracle?.Length, encoded.WrittenCount - input.Length);
    }
}
