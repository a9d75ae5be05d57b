using System.Buffers;
using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>Replies of a server, by every split.</summary>
internal sealed class ReplyTarget : IFuzzTarget
{
    public static string Name => "reply";

    public static IReadOnlyList<string> Tokens =>
        ["250 ", "250-", "250", "354 ", "421 4.3.2 ", "550 5.1.1 ", "550-5.1.1 ", "\r\n", "\n", "\r", "PIPELINING", "SIZE ", "SIZE 100", "8BITMIME", "STARTTLS", "CHUNKING", "\0", "\u00C3\u00BC", "\u00E2\u0080\u00AE", "600 ", "199 ", "2.0.0"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        (ReplyStatus status, int code, int length) = Measure(Octets.Text(input));
        PeerReply? first = null;
        foreach (ReadOnlySequence<byte> split in Splits.Of(input.ToArray()))
        {
            ReadOnlySequence<byte> buffer = split;
            Check.Equal(status, ReplyReader.TryReadEhlo(ref buffer, out PeerReply reply, out ServerExtensions extensions), "status");
            Check.Equal(status == ReplyStatus.Done ? length : 0, input.Length - (int)buffer.Length, "octets taken");
            first ??= reply;
            Check.Equal(first.Value, reply, "another split's reply");
            if (status != ReplyStatus.Done)
            {
                continue;
            }

            Check.Equal(code, reply.Code, "code");
            Check.True(reply.Text.Length <= PeerReply.MaximumTextLength && !reply.Text.Any(char.IsControl), "the text of a reply isn't fit for a log line");
            Check.Equal(Offers(Octets.Text(input[..length]), code, "PIPELINING"), extensions.Pipelining, "PIPELINING");
            Check.Equal(Offers(Octets.Text(input[..length]), code, "SIZE"), extensions.SizeLimit is not null, "SIZE");
        }

        return HashCode.Combine((int)status, code, first?.Enhanced, first?.Text?.Length / 8);
    }

    /// <summary>RFC 5321 §4.2 line by line; a lone LF ends a line too.</summary>
    private static (ReplyStatus Status, int Code, int Length) Measure(string text)
    {
        int at = 0;
        string code = "";
        while (true)
        {
            int end = text.IndexOf('\n', at);
            if (end < 0 ? text.Length - at >= ReplyReader.MaximumLineLength : end - at >= ReplyReader.MaximumLineLength)
            {
                return (ReplyStatus.Malformed, 0, 0);
            }

            if (end < 0)
            {
                return (ReplyStatus.NeedMoreData, 0, 0);
            }

            Match line = Regex.Match(text[at..end], @"\A(?<code>[2-5][0-9][0-9])(?:(?<more>-)[^\0]*?| [^\0]*?)?\r?\z", RegexOptions.Singleline);
            if (!line.Success || (code.Length > 0 && line.Groups["code"].Value != code))
            {
                return (ReplyStatus.Malformed, 0, 0);
            }

            code = line.Groups["code"].Value;
            at = end + 1;
            if (!line.Groups["more"].Success)
            {
                return (ReplyStatus.Done, int.Parse(code, System.Globalization.CultureInfo.InvariantCulture), at);
            }
        }
    }

    private static bool Offers(string reply, int code, string keyword) =>
        code == 250 && reply.Split('\n').Skip(1).Any(l => Regex.IsMatch(l, @"\A250[ -] *" + keyword + @"(?: |\r?\z)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant));
}
