using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Reads the keywords of an EHLO reply: <c>"250-" Domain *( CRLF "250-" ehlo-keyword *( SP ehlo-param ) )</c> (RFC 5321 §4.1.1.1), in any case.
/// </summary>
internal static class EhloKeywords
{
    public static ServerExtensions Read(ReadOnlySpan<byte> lines)
    {
        Extensions offered = Extensions.None;
        long? sizeLimit = null;
        // The first line is the greeting.
        ReplyText.NextLine(ref lines);
        while (!lines.IsEmpty)
        {
            ReadOnlySpan<byte> line = ReplyText.NextLine(ref lines).Trim((byte)' ');
            int space = line.IndexOf((byte)' ');
            Extensions keyword = Keyword(space < 0 ? line : line[..space]);
            offered |= keyword;
            if (keyword == Extensions.Size)
            {
                sizeLimit = Limit(space < 0 ? default : line[space..].Trim((byte)' '));
            }
        }

        return new ServerExtensions(offered, sizeLimit);
    }

    private static Extensions Keyword(ReadOnlySpan<byte> word) =>
        Ascii.EqualsIgnoreCase(word, "PIPELINING"u8) ? Extensions.Pipelining
        : Ascii.EqualsIgnoreCase(word, "SIZE"u8) ? Extensions.Size
        : Ascii.EqualsIgnoreCase(word, "8BITMIME"u8) ? Extensions.EightBitMime
        : Ascii.EqualsIgnoreCase(word, "ENHANCEDSTATUSCODES"u8) ? Extensions.EnhancedStatusCodes
        : Ascii.EqualsIgnoreCase(word, "STARTTLS"u8) ? Extensions.StartTls
        : Ascii.EqualsIgnoreCase(word, "SMTPUTF8"u8) ? Extensions.SmtpUtf8
        : Ascii.EqualsIgnoreCase(word, "CHUNKING"u8) ? Extensions.Chunking
        : Ascii.EqualsIgnoreCase(word, "BINARYMIME"u8) ? Extensions.BinaryMime
        : Ascii.EqualsIgnoreCase(word, "DSN"u8) ? Extensions.Dsn
        : Extensions.None;

    /// <summary>RFC 1870 §4: digits. Anything else is no limit that could be kept to.</summary>
    private static long Limit(ReadOnlySpan<byte> text) => MailParameterParser.TrySize(text, out long limit) ? limit : 0;
}
