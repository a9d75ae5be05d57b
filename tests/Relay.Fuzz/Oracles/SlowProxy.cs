using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>haproxy's proxy-protocol.txt, §2.1 and §2.2, over strings.</summary>
internal sealed record SlowProxy(ProxyStatus Status, int Length, string Source, string Destination, bool IsLocal)
{
    private const string Signature = "\r\n\r\n\0\r\nQUIT\n";
    private const string Prefix = "PROXY ";
    private const string Number = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private const string IPv4 = Number + @"(?:\." + Number + "){3}";

    private static readonly SlowProxy Malformed = new(ProxyStatus.Malformed, 0, "", "", false);
    private static readonly SlowProxy Unfinished = new(ProxyStatus.NeedMoreData, 0, "", "", false);

    public static SlowProxy Read(string text) =>
        Signature.StartsWith(text, StringComparison.Ordinal) || Prefix.StartsWith(text, StringComparison.Ordinal) ? Unfinished
        : text.StartsWith(Signature, StringComparison.Ordinal) ? ReadBinary(text)
        : text.StartsWith(Prefix, StringComparison.Ordinal) ? ReadText(text)
        : Malformed;

    private static SlowProxy ReadText(string text)
    {
        SlowLine line = SlowLine.Read(text, 107);
        if (line.Status != LineStatus.Line)
        {
            return line.Status == LineStatus.NeedMoreData ? Unfinished : Malformed;
        }

        int length = line.Text.Length + 2;
        if (Regex.IsMatch(line.Text, @"\APROXY UNKNOWN(?: .*)?\z", RegexOptions.Singleline))
        {
            return new SlowProxy(ProxyStatus.Done, length, "", "", false);
        }

        string[] words = line.Text.Split(' ');
        Func<string, bool> isAddress = words[1] == "TCP4" ? IsIPv4 : IsIPv6;
        return words.Length == 6 && words[1] is "TCP4" or "TCP6" && isAddress(words[2]) && isAddress(words[3]) && IsPort(words[4]) && IsPort(words[5])
            ? new SlowProxy(ProxyStatus.Done, length, Text(words[2], words[4]), Text(words[3], words[5]), false)
            : Malformed;
    }

    private static SlowProxy ReadBinary(string text)
    {
        if (text.Length > 12 && text[12] is not ('\x20' or '\x21'))
        {
            return Malformed;
        }

        if (text.Length < 16)
        {
            return Unfinished;
        }

        bool local = text[12] == '\x20';
        int length = text[14] * 256 + text[15];
        int addresses = text[13] switch
        {
            '\x11' => 12,
            '\x21' => 36,
            '\x31' => 216,
            '\0' => 0,
            _ => local ? 0 : int.MaxValue,
        };
        if (length > 4096 || length < (local ? 0 : addresses))
        {
            return Malformed;
        }

        if (text.Length < 16 + length)
        {
            return Unfinished;
        }

        var done = new SlowProxy(ProxyStatus.Done, 16 + length, "", "", local);
        if (local || addresses is not (12 or 36))
        {
            return done;
        }

        int size = addresses == 12 ? 4 : 16;
        byte[] octets = Octets.Of(text.Substring(16, addresses));
        return done with { Source = Text(octets[..size], octets[(2 * size)..]), Destination = Text(octets[size..(2 * size)], octets[(2 * size + 2)..]) };
    }

    private static string Text(byte[] address, byte[] port) => new IPEndPoint(new IPAddress(address), port[0] * 256 + port[1]).ToString();

    private static string Text(string address, string port) => new IPEndPoint(IPAddress.Parse(address), int.Parse(port, CultureInfo.InvariantCulture)).ToString();

    private static bool IsIPv4(string text) => Regex.IsMatch(text, @"\A" + IPv4 + @"\z");

    /// <summary>RFC 4291 §2.2: eight groups, or fewer and one "::".</summary>
    public static bool IsIPv6(string text)
    {
        string groups = Regex.Replace(text, @"(?<=:)" + IPv4 + @"\z", "0:0");
        bool compressed = groups.Contains("::", StringComparison.Ordinal);
        int count = groups.Split(':', StringSplitOptions.RemoveEmptyEntries).Length;
        return Regex.IsMatch(groups, @"\A(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*)?(?:::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*)?)?\z") && (compressed ? count <= 7 : count == 8);
    }

    private static bool IsPort(string text) => Regex.IsMatch(text, @"\A(?:0|[1-9][0-9]{0,4})\z") && int.Parse(text, CultureInfo.InvariantCulture) <= ushort.MaxValue;
}
