using Relay.Fuzz.Oracles;
using SmtpBlaster.Messages;

namespace Relay.Fuzz.Targets;

/// <summary>The load tool's messages from files, as they are and as templates: whatever is in a file, what goes out has no line end but CRLF, is the file's text, ends where it ends, and a sink finds it unaltered.</summary>
internal sealed class BlasterFileTarget : IFuzzTarget
{
    private static readonly AddressPattern From = Pattern("sender{n}@s.test");
    private static readonly AddressPattern To = Pattern("u{n}@d{d}.test");

    public static string Name => "blaster-file";

    public static IReadOnlyList<string> Tokens => ["\n", "\r\n", "\r", "\n\n", ".", "..", "\n.\n", "\u0085", "\f", "\u00E2\u0080\u00A8", "{number}", "{run}", "{date}", "{from}", "{to}", "{", "}", "{{to}}", "Subject: x\n", "X-Blaster: 0000000a 7 1 5 11 0000000b\n", "\0", "\u00FF"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        // What a line end is, in the file's octets: CRLF, LF or CR.
        string text = string.Join("\r\n", Octets.Text(input).Replace("\r\n", "\n", StringComparison.Ordinal).Split('\r', '\n'));
        text += text.EndsWith("\r\n", StringComparison.Ordinal) ? "" : "\r\n";
        Check.Equal(text, FileContent.Lines(Octets.Text(input)), "lines");
        int outcome = 0;
        foreach (bool template in (bool[])[false, true])
        {
            string? wrong = FileContent.Of([("a file", Octets.Text(input))], template, From, To, out IMessageContent? content);
            Check.Equal(!text.StartsWith("\r\n", StringComparison.Ordinal) && !text.Contains("\r\n\r\n", StringComparison.Ordinal), wrong is not null, "whether it is a message");
            if (content is null)
            {
                continue;
            }

            var draft = new Draft();
            var facts = new MessageFacts(0x1234abcd, 41, 1, 1_700_000_000_000_000);
            string expected = template ? Filled(text) : text;
            foreach (bool stuffed in (bool[])[false, true])
            {
                content.Fill(draft, facts, stuffed, Random.Shared);
                byte[] wire = [.. draft.Head, .. draft.Body.Span, .. draft.Tail.AsSpan(0, draft.TailLength), .. stuffed ? ".\r\n"u8 : []];
                SlowData decoded = stuffed ? SlowData.Decode(Octets.Text(wire)) : new SlowData(true, wire.Length, Octets.Text(wire), false, false, false);
                Check.True(decoded.Done && decoded.Consumed == wire.Length, "it ends somewhere else");
                Check.True(!decoded.Bare, "it has a bare CR or LF");
                Check.Equal(expected, decoded.Stored[(decoded.Stored.IndexOf('\n', StringComparison.Ordinal) + 1)..], "text behind the marker");
                var reader = default(ContentReader);
                reader.Begin();
                if (stuffed)
                {
                    reader.TakeData(wire, out _);
                }
                else
                {
                    reader.TakeChunk(wire);
                }

                Check.True(reader.HasMarker && reader.Marker.Number == 41 && reader.IsUnaltered, "a sink doesn't find what was sent");
                outcome = HashCode.Combine(outcome, expected.Length == text.Length, reader.BodySize % 9);
            }
        }

        return outcome;
    }

    private static string Filled(string text) => text.Replace("{number}", "41", StringComparison.Ordinal).Replace("{run}", "1234abcd", StringComparison.Ordinal).Replace("{date}", "Tue, 14 Nov 2023 22:13:20 +0000", StringComparison.Ordinal)
        .Replace("{from}", "sender41@s.test", StringComparison.Ordinal).Replace("{to}", "u41@d1.test", StringComparison.Ordinal);

    private static AddressPattern Pattern(string text) => AddressPattern.Parse(text, 1, out AddressPattern pattern) is { } wrong ? throw new ArgumentException(wrong, nameof(text)) : pattern;
}
