using System.Text.RegularExpressions;
using SmtpBlaster.Source;

namespace Relay.Fuzz.Targets;

/// <summary>The load tool's source: what a server sends, in pieces of any size. Its EHLO keywords are read by <see cref="ReplyTarget"/>'s parser.</summary>
internal sealed class BlasterReplyTarget : IFuzzTarget
{
    public static string Name => "blaster-reply";

    public static IReadOnlyList<string> Tokens => ReplyTarget.Tokens;

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string expected = Slow(Octets.Text(input));
        byte[] octets = input.ToArray();
        foreach (int size in (int[])[1, 2, 3, 31, int.MaxValue])
        {
            Check.Equal(expected, InPieces(octets, size), $"lines of pieces of {size}");
        }

        return HashCode.Combine(expected.Count(static c => c == '\n'), expected.Count(static c => c == '+'), expected.Length / 16, expected[^1]);
    }

    private static string InPieces(byte[] octets, int size)
    {
        var read = new System.Text.StringBuilder();
        ReplyLines lines = default;
        lines.Begin();
        byte[] rest = [];
        foreach (byte[] piece in octets.Chunk(size))
        {
            rest = [.. rest, .. piece];
            while (true)
            {
                ReplyLine kind = lines.Read(rest, out int used, out int code, out ReadOnlySpan<byte> line);
                if (kind is ReplyLine.TooLong or ReplyLine.Malformed)
                {
                    return read.Append('!').ToString();
                }

                if (kind == ReplyLine.Incomplete)
                {
                    break;
                }

                read.Append(kind == ReplyLine.More ? '+' : ' ').Append(code).Append(' ').Append(Octets.Text(ReplyLines.Text(line))).Append('\n');
                rest = rest[used..];
            }

            Check.True(rest.Length < ReplyLines.MaximumLength, "more is kept than a line");
        }

        return read.Append('.').ToString();
    }

    private static string Slow(string text)
    {
        string read = "";
        string code = "";
        while (text.Length > 0)
        {
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            if ((end < 0 ? text.Length : end + 1) is var length && (length > ReplyLines.MaximumLength || (end < 0 && length == ReplyLines.MaximumLength)))
            {
                return read + "!";
            }

            if (end < 0)
            {
                break;
            }

            Match line = Regex.Match(text[..end], @"\A(?<code>[2-5][0-9][0-9])(?:(?<more>-)(?<text>.*?)| (?<text>.*?))?\r*\z", RegexOptions.Singleline);
            if (!line.Success || (code.Length > 0 && code != line.Groups["code"].Value))
            {
                return read + "!";
            }

            bool more = line.Groups["more"].Success;
            read += $"{(more ? '+' : ' ')}{line.Groups["code"].Value} {line.Groups["text"].Value}\n";
            code = more ? line.Groups["code"].Value : "";
            text = text[(end + 1)..];
        }

        return read + ".";
    }
}
