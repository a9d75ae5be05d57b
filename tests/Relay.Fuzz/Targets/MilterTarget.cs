using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;
using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>What a milter sends, by every split: packets, replies of its own, changes, negotiations. Whatever is made of it is one header field, one reply, whole lines.</summary>
internal sealed class MilterTarget : IFuzzTarget
{
    public static string Name => "milter";

    public static IReadOnlyList<string> Tokens =>
    [
        "\0\0\0\u0001c", "\0\0\0\u0001a", "\0\0\0\u0001p", "\0\0\0\u000fy550 5.7.1 no\0", "\0\0\0\u001ey550-5.7.1 a\r\n550 5.7.1 bcd\0", "\0\0\0\u0006hX\0y\0", "\0\0\0\u0008hX\0a\nb\0", "\0\0\0\u000ai\0\0\0\u0001X\0y\0", "\0\0\0\u0009m\0\0\0\u0001X\0\0",
        "\0\0\0\u0007+<a@b>\0", "\0\0\0\u0005qbad\0", "\0\0\0\u0006bbody\n", "\0\0\0\u000dO\0\0\0\u0006\0\0\0\u0001\0\0\0\u0080", "\0\0\0\u0014O\0\0\0\u0006\0\0\u0001\0\0\0\0\0\0\0\0\u0002i\0\0", "\0\0\0\0", "\0\u0004\0\0", "\0", "\r\n", "\n", "\r", ":", "550 ", "451-",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        List<(char Kind, string Data)> expected = Slow(Octets.Text(input), out bool malformed, out int rest);
        foreach (ReadOnlySequence<byte> split in Splits.Of(input.ToArray()))
        {
            ReadOnlySequence<byte> buffer = split;
            foreach ((char kind, string data) in expected)
            {
                Check.Equal(MilterPacketStatus.Done, MilterPacket.TryRead(ref buffer, out MilterReplyKind reply, out ReadOnlySequence<byte> found), "a whole packet");
                Check.Equal(kind, (char)reply, "kind");
                Check.Equal(data, Octets.Text(found.ToArray()), "data");
            }

            Check.Equal(malformed ? MilterPacketStatus.Malformed : MilterPacketStatus.NeedMoreData, MilterPacket.TryRead(ref buffer, out _, out _), "what is left");
            Check.Equal(rest, (int)buffer.Length, "octets left");
        }

        int outcome = HashCode.Combine(expected.Count, malformed);
        foreach ((char kind, string data) in expected)
        {
            outcome = HashCode.Combine(outcome, kind, Read(kind, Octets.Of(data)));
        }

        return outcome;
    }

    private static int Read(char kind, byte[] data)
    {
        switch (kind)
        {
            case 'y':
                bool good = MilterReplyCode.TryRead(data, out Reply? reply);
                Check.Equal(IsReply(Octets.Text(data)), good, "a reply");
                Check.True(reply is null || Regex.IsMatch(Octets.Text(reply.Wire), @"\A(?:[45][0-9][0-9]-[ -~]*\r\n)*[45][0-9][0-9] [ -~]*\r\n\z"), "the reply is none of SMTP");
                return good ? (int)reply!.Code : 0;
            case 'O':
                return MilterNegotiation.TryRead(data, out MilterNegotiation agreed) is { } wrong ? wrong.Length : (int)agreed.Version;
            case 'b':
                var body = new ArrayBufferWriter<byte>();
                var lines = default(MilterBodyLines);
                foreach (byte octet in data)
                {
                    lines.Write(body, [octet]);
                }

                lines.End(body);
                string made = Regex.Replace(Octets.Text(data), "\r\n|\r|\n", "\r\n");
                Check.Equal(made.Length == 0 || made.EndsWith("\r\n", StringComparison.Ordinal) ? made : made + "\r\n", Octets.Text(body.WrittenSpan), "the body's lines");
                return 1;
            default:
                if (!MilterEdit.TryRead((MilterReplyKind)kind, data, out MilterEdit edit))
                {
                    return 0;
                }

                if (kind is 'h' or 'i' or 'm')
                {
                    string field = Octets.Text(MilterField.Make(edit.First, edit.Second, (data.Length & 1) == 0));
                    Check.True(Regex.IsMatch(field, @"\A[!-9;-~]+:[^\r\n\0]*(?:\r\n[ \t][^\r\n\0]*)*\r\n\z"), "the field is not one field: " + field);
                    Check.True(!Regex.IsMatch(field, @"\r\n[ \t]+\r\n"), "the field has a line of white space alone");
                }

                return 1 + Math.Min(edit.First.Length, 4) + (8 * Math.Min(edit.Second.Length, 4));
        }
    }

    private static bool IsReply(string data)
    {
        Match lines = Regex.Match(data, @"\A(?:(?<line>[45][0-9][0-9]-[^\r\n\0]*)\r\n)*(?<line>[45][0-9][0-9] [^\r\n\0]*)(?:\r\n)?\0\z");
        if (!lines.Success || lines.Groups["line"].Captures.Count > 32)
        {
            return false;
        }

        string[] all = [.. lines.Groups["line"].Captures.Select(static c => c.Value)];
        string? enhanced = null;
        bool hasText = false;
        foreach (string line in all)
        {
            string text = line[4..].Trim(' ', '\t');
            if (EnhancedStatusCode.TryParse(Octets.Of(text), out EnhancedStatusCode code, out int length))
            {
                if (code.Class != line[0] - '0' || (enhanced ?? code.ToString()) != code.ToString())
                {
                    return false;
                }

                enhanced = code.ToString();
                text = text[length..].Trim(' ', '\t');
            }

            hasText |= text.Length > 0;
        }

        return hasText && all.All(l => l[..3] == all[0][..3]);
    }

    private static List<(char Kind, string Data)> Slow(string text, out bool malformed, out int rest)
    {
        var packets = new List<(char, string)>();
        malformed = false;
        while (text.Length >= 4)
        {
            long length = long.Parse(string.Concat(text[..4].Select(static c => ((int)c).ToString("x2", CultureInfo.InvariantCulture))), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            malformed = length is < 1 or > MilterPacket.MaximumLength;
            if (malformed || text.Length < 4 + length)
            {
                break;
            }

            packets.Add((text[4], text[5..(int)(4 + length)]));
            text = text[(int)(4 + length)..];
        }

        rest = text.Length;
        return packets;
    }
}
