using System.Buffers;
using System.Text;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace SmtpBlaster.Messages;

/// <summary>
/// Messages from .eml files, one after the other, as they are but for the marker in front; or, as templates, with <c>{number}</c>, <c>{run}</c>, <c>{date}</c>, <c>{from}</c> and <c>{to}</c> filled in.
/// Bare line feeds become CRLF: SMTP knows no other lines.
/// </summary>
internal sealed class FileContent : IMessageContent
{
    private readonly Entry[] _entries;
    private readonly bool _template;
    private readonly AddressPattern _from;
    private readonly AddressPattern _to;

    private FileContent(Entry[] entries, bool template, AddressPattern from, AddressPattern to) => (_entries, _template, _from, _to) = (entries, template, from, to);

    /// <summary>Null, or what is wrong.</summary>
    public static string? Load(IReadOnlyList<string> files, bool template, AddressPattern from, AddressPattern to, out IMessageContent? content)
    {
        content = null;
        var texts = new List<(string, string)>();
        foreach (string file in files)
        {
            try
            {
                // An octet to a character: nothing of it is understood but line ends.
                texts.Add((file, File.ReadAllText(file, Encoding.Latin1)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"{file} can't be read: {e.Message}";
            }
        }

        return Of(texts, template, from, to, out content);
    }

    /// <summary>The same of texts, an octet to a character. Null, or what is wrong.</summary>
    internal static string? Of(IReadOnlyList<(string File, string Text)> texts, bool template, AddressPattern from, AddressPattern to, out IMessageContent? content)
    {
        content = null;
        var entries = new List<Entry>();
        foreach ((string file, string text) in texts)
        {
            var entry = Entry.Of(Lines(text));
            if (entry.BodyStart < 0)
            {
                return $"{file} is no message: it has no empty line between header and body";
            }

            entries.Add(entry);
        }

        content = new FileContent([.. entries], template, from, to);
        return null;
    }

    /// <summary>Text with CRLF behind each line, the last one too. Not <see cref="string.ReplaceLineEndings()"/>: to Unicode 0x85 is a line end, and in UTF-8 a part of many letters.</summary>
    internal static string Lines(string text)
    {
        text = text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Replace("\n", "\r\n", StringComparison.Ordinal);
        return text.EndsWith("\r\n", StringComparison.Ordinal) ? text : text + "\r\n";
    }

    public void Fill(Draft draft, in MessageFacts facts, bool stuffed, Random random)
    {
        Entry entry = _entries[(int)(facts.Number % _entries.Length)];
        if (_template)
        {
            entry = Entry.Of(Filled(entry.Text, facts));
        }

        draft.Clear();
        var marker = new Marker(facts.Run, facts.Number, facts.Count, facts.SentMicros, entry.BodySize, entry.BodyCrc);
        draft.Advance(marker.Write(draft.Room(Marker.MaximumLength)));
        draft.Body = stuffed ? entry.Stuffed : entry.Plain;
    }

    private string Filled(string text, in MessageFacts facts)
    {
        Span<byte> address = stackalloc byte[Math.Max(_from.MaximumLength, _to.MaximumLength)];
        string from = Encoding.ASCII.GetString(address[.._from.Write(facts.Number, address)]);
        string to = Encoding.ASCII.GetString(address[.._to.Write(facts.Number, address)]);
        return text.Replace("{number}", FormattableString.Invariant($"{facts.Number}"), StringComparison.Ordinal)
            .Replace("{run}", FormattableString.Invariant($"{facts.Run:x8}"), StringComparison.Ordinal)
            .Replace("{date}", FormattableString.Invariant($"{DateTimeOffset.UnixEpoch.AddTicks(facts.SentMicros * 10):ddd, dd MMM yyyy HH:mm:ss} +0000"), StringComparison.Ordinal)
            .Replace("{from}", from, StringComparison.Ordinal).Replace("{to}", to, StringComparison.Ordinal);
    }

    /// <summary>A message as it is and as it goes behind DATA. BodyStart: in Plain; below 0 when nothing divides header and body.</summary>
    private sealed record Entry(string Text, byte[] Plain, byte[] Stuffed, int BodyStart, uint BodyCrc)
    {
        public long BodySize => Plain.Length - BodyStart;

        public static Entry Of(string text)
        {
            byte[] plain = Encoding.Latin1.GetBytes(text);
            var encoder = new DataEncoder(raw: false);
            var stuffed = new ArrayBufferWriter<byte>(plain.Length + 64);
            encoder.Write(plain, stuffed);
            // The marker goes in front: an empty first line is the end of the header, too.
            int body = text.StartsWith("\r\n", StringComparison.Ordinal) ? 2 : text.IndexOf("\r\n\r\n", StringComparison.Ordinal) is var end and >= 0 ? end + 4 : -1;
            return new Entry(text, plain, stuffed.WrittenSpan.ToArray(), body, body < 0 ? 0 : Crc32C.Append(0, plain.AsSpan(body)));
        }
    }
}
