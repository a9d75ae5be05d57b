using System.Text.RegularExpressions;
using Relay.Fuzz.Oracles;
using SmtpBlaster.Messages;

namespace Relay.Fuzz.Targets;

/// <summary>The load tool's sink: a message as it reads it, in pieces of any size, behind DATA and in chunks: where it ends, its length, its body's checksum, and what its marker says.</summary>
internal sealed class BlasterContentTarget : IFuzzTarget
{
    // ".\r\n" without its last, behind a CR.
    private const int MostKept = 4;

    public static string Name => "blaster-content";

    public static IReadOnlyList<string> Tokens =>
    [
        .. DataTarget.Tokens, "\r\n\r\n", "X-Blaster: 0000000a 7 1 5 11 0000000b\r\n", "X-Blaster: ", "A: X-Blaster: 0000000a 7 1 5 11 0000000b\r\n", "ffffffff", " 9223372036854775807", " 2147483648", " 0", " -1", "+1", " 1",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string wire = Octets.Text(input);
        SlowData data = SlowData.Decode(wire);
        byte[] octets = input.ToArray();
        string stored = Describe(data.Stored);
        string plain = Describe(wire);
        foreach (int size in (int[])[1, 2, 3, 31, int.MaxValue])
        {
            Check.Equal(data.Done ? stored : "no end", InData(octets, size, data), $"behind DATA, pieces of {size}");
            var reader = default(ContentReader);
            reader.Begin();
            foreach (byte[] piece in octets.Chunk(size))
            {
                reader.TakeChunk(piece);
            }

            Check.Equal(plain, Describe(reader), $"in chunks, pieces of {size}");
        }

        return HashCode.Combine(data.Done, data.Stored.Length % 33, stored.Contains("Marker", StringComparison.Ordinal), wire.Contains("\r\n\r\n", StringComparison.Ordinal));
    }

    private static string InData(byte[] octets, int size, SlowData data)
    {
        var reader = default(ContentReader);
        reader.Begin();
        byte[] rest = [];
        int used = 0;
        foreach (byte[] piece in octets.Chunk(size))
        {
            rest = [.. rest, .. piece];
            int taken = reader.TakeData(rest, out bool ended);
            used += taken;
            rest = rest[taken..];
            if (ended)
            {
                Check.Equal(data.Consumed, used, "octets up to the end");
                return Describe(reader);
            }

            Check.True(rest.Length <= MostKept, "more is kept than four octets");
        }

        return "no end";
    }

    private static string Describe(in ContentReader reader) => $"{reader.Length} {reader.BodySize} {reader.BodyCrc} {(reader.HasMarker ? reader.Marker : null)}";

    private static string Describe(string message)
    {
        int end = message.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        string body = end < 0 ? "" : message[(end + 4)..];
        Match field = Regex.Match(end < 0 ? "" : message[..(end + 2)], @"(?<=\A|\r\n)X-Blaster: (?<value>.*)\z", RegexOptions.Singleline);
        return $"{message.Length} {body.Length} {SlowCrc.Of(Octets.Of(body))} {(field.Success ? Marked(field) : null)}";
    }

    /// <summary>The fields of the first line that begins with the name; null when they aren't ours.</summary>
    private static Marker? Marked(Match field)
    {
        Match value = Regex.Match(field.Groups["value"].Value, @"\A(?<run>[0-9a-fA-F]{8}) (?<number>[+-]?[0-9]+) (?<count>[+-]?[0-9]+) (?<sent>[+-]?[0-9]+) (?<size>[+-]?[0-9]+) (?<crc>[0-9a-fA-F]{8})");
        if (!value.Success || !TryNumber(value, "number", out long number) || !TryNumber(value, "count", out long count) || !TryNumber(value, "sent", out long sent) || !TryNumber(value, "size", out long size) || count is < 1 or > int.MaxValue)
        {
            return null;
        }

        return new Marker(Hex(value.Groups["run"].Value), number, (int)count, sent, size, Hex(value.Groups["crc"].Value));
    }

    private static bool TryNumber(Match match, string name, out long value) =>
        long.TryParse(match.Groups[name].Value, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out value) && value >= 0;

    private static uint Hex(string text) => uint.Parse(text, System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
}
