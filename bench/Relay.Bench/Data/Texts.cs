namespace Relay.Bench.Data;

/// <summary>Message texts of an exact length, made of whole lines.</summary>
internal static class Texts
{
    private const int LineLength = 78;

    public static byte[] Of(TextKind kind, int length)
    {
        byte[] text = new byte[length];
        byte[] line = kind == TextKind.Dots ? [.. "..dot\r\n"u8] : [.. Enumerable.Range(0, LineLength - 2).Select(static i => (byte)('a' + i % 26)), (byte)'\r', (byte)'\n'];
        for (int at = 0; at < length; at += line.Length)
        {
            line.AsSpan(0, Math.Min(line.Length, length - at)).CopyTo(text.AsSpan(at));
        }

        "\r\n"u8.CopyTo(text.AsSpan(length - 2));
        return text;
    }
}
