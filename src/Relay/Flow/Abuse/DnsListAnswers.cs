using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Relay.Flow.Abuse;

/// <summary>Answers of a DNS list, octet by octet as Postfix writes them: "127.0.0.2", "127.0.0.[2..11]", "127.0.0.[2;4..7;10]". Immutable; any thread.</summary>
public sealed class DnsListAnswers : IEquatable<DnsListAnswers>
{
    private readonly (byte From, byte To)[][] _octets;
    private readonly string _text;

    private DnsListAnswers(string text, (byte From, byte To)[][] octets)
    {
        _text = text;
        _octets = octets;
    }

    /// <summary>Null when it isn't one.</summary>
    public static DnsListAnswers? Parse(string text)
    {
        var octets = new List<(byte From, byte To)[]>();
        ReadOnlySpan<char> rest = text;
        while (octets.Count < 4)
        {
            int end = rest is ['[', ..] ? rest.IndexOf(']') + 1 : rest.IndexOf('.') is var dot and >= 0 ? dot : rest.Length;
            bool isLast = octets.Count == 3;
            if (end <= 0 || (isLast ? end != rest.Length : end >= rest.Length || rest[end] != '.') || ParseOctet(rest[..end]) is not { } octet)
            {
                return null;
            }

            octets.Add(octet);
            rest = isLast ? default : rest[(end + 1)..];
        }

        return new DnsListAnswers(text, [.. octets]);
    }

    public bool Contains(IPAddress address)
    {
        Span<byte> octets = stackalloc byte[16];
        if (address.AddressFamily != AddressFamily.InterNetwork || !address.TryWriteBytes(octets, out _))
        {
            return false;
        }

        for (int i = 0; i < 4; i++)
        {
            byte octet = octets[i];
            if (!Array.Exists(_octets[i], r => octet >= r.From && octet <= r.To))
            {
                return false;
            }
        }

        return true;
    }

    public bool Equals(DnsListAnswers? other) => other is not null && _text == other._text;

    public override bool Equals(object? obj) => Equals(obj as DnsListAnswers);

    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => _text;

    private static (byte From, byte To)[]? ParseOctet(ReadOnlySpan<char> text)
    {
        if (text is not ['[', .., ']'])
        {
            return TryByte(text, out byte only) ? [(only, only)] : null;
        }

        var ranges = new List<(byte From, byte To)>();
        ReadOnlySpan<char> inside = text[1..^1];
        foreach (Range part in inside.Split(';'))
        {
            ReadOnlySpan<char> range = inside[part];
            int dots = range.IndexOf("..");
            if (!TryByte(dots < 0 ? range : range[..dots], out byte from) || !TryByte(dots < 0 ? range : range[(dots + 2)..], out byte to) || to < from)
            {
                return null;
            }

            ranges.Add((from, to));
        }

        return [.. ranges];
    }

    private static bool TryByte(ReadOnlySpan<char> text, out byte value) => byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
