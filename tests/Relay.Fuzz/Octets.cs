using System.Text;

namespace Relay.Fuzz;

/// <summary>One octet to a character and back: what oracles think in.</summary>
internal static class Octets
{
    public static byte[] Of(string text) => Encoding.Latin1.GetBytes(text);

    public static string Text(ReadOnlySpan<byte> octets) => Encoding.Latin1.GetString(octets);
}
