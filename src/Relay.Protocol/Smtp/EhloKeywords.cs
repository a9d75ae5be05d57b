using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Reads the keywords of an EHLO reply: <c>"250-" Domain *( CRLF "250-" ehlo-keyword *( SP ehlo-param ) )</c> (RFC 5321 §4.1.1.1), in any case.
/// </summary>
internal static class EhloKeywords
{
    /// <summary>RFC 9422 §4: <c>limit-value = 1*6DIGIT</c> for the limits known so far.</summary>
    private const int MaximumLimitDigits = 6;

    public static ServerExtensions Read(ReadOnlySpan<byte> lines)
    {
        Extensions offered = Extensions.None;
        long? sizeLimit = null;
        ServerExtensions limits = default;
        SaslMechanisms mechanisms = SaslMechanisms.None;
        // The first line is the greeting.
        ReplyText.NextLine(ref lines);
        while (!lines.IsEmpty)
        {
            ReadOnlySpan<byte> line = ReplyText.NextLine(ref lines).Trim((byte)' ');
            int space = line.IndexOf((byte)' ');
            Extensions keyword = Keyword(space < 0 ? line : line[..space]);
            offered |= keyword;
            ReadOnlySpan<byte> parameters = space < 0 ? default : line[space..].Trim((byte)' ');
            if (keyword == Extensions.Size)
            {
                sizeLimit = Limit(parameters);
            }
            else if (keyword == Extensions.Limits)
            {
                limits = Limits(parameters);
            }
            else if (keyword == Extensions.Auth)
            {
                mechanisms = Mechanisms(parameters);
            }
        }

        return limits with { Offered = offered, SizeLimit = sizeLimit, Mechanisms = mechanisms };
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
        : Ascii.EqualsIgnoreCase(word, "REQUIRETLS"u8) ? Extensions.RequireTls
        : Ascii.EqualsIgnoreCase(word, "DELIVERBY"u8) ? Extensions.DeliverBy
        : Ascii.EqualsIgnoreCase(word, "FUTURERELEASE"u8) ? Extensions.FutureRelease
        : Ascii.EqualsIgnoreCase(word, "MT-PRIORITY"u8) ? Extensions.MtPriority
        : Ascii.EqualsIgnoreCase(word, "LIMITS"u8) ? Extensions.Limits
        : Ascii.EqualsIgnoreCase(word, "AUTH"u8) ? Extensions.Auth
        : Ascii.EqualsIgnoreCase(word, "XCLIENT"u8) ? Extensions.XClient
        : Extensions.None;

    /// <summary>RFC 4954 §3: names with spaces between them.</summary>
    private static SaslMechanisms Mechanisms(ReadOnlySpan<byte> text)
    {
        SaslMechanisms offered = SaslMechanisms.None;
        foreach (Range name in text.Split((byte)' '))
        {
            ReadOnlySpan<byte> word = text[name];
            offered |= Ascii.EqualsIgnoreCase(word, "PLAIN"u8) ? SaslMechanisms.Plain
                : Ascii.EqualsIgnoreCase(word, "LOGIN"u8) ? SaslMechanisms.Login
                : Ascii.EqualsIgnoreCase(word, "SCRAM-SHA-256"u8) ? SaslMechanisms.ScramSha256
                : SaslMechanisms.None;
        }

        return offered;
    }

    /// <summary>RFC 1870 §4: digits. Anything else is no limit that could be kept to.</summary>
    private static long Limit(ReadOnlySpan<byte> text) => MailParameterParser.TrySize(text, out long limit) ? limit : 0;

    /// <summary>RFC 9422 §4: names and values. What isn't well-formed, 0 or unknown is no limit.</summary>
    private static ServerExtensions Limits(ReadOnlySpan<byte> text)
    {
        ServerExtensions limits = default;
        var reader = new ParameterReader(text);
        while (reader.MoveNext())
        {
            int? limit = reader.Value.Length <= MaximumLimitDigits && Number.TryParse(reader.Value, out long value) && value > 0 ? (int)value : null;
            limits = Ascii.EqualsIgnoreCase(reader.Keyword, "RCPTMAX"u8) ? limits with { RecipientLimit = limit }
                : Ascii.EqualsIgnoreCase(reader.Keyword, "MAILMAX"u8) ? limits with { MailLimit = limit }
                : Ascii.EqualsIgnoreCase(reader.Keyword, "RCPTDOMAINMAX"u8) ? limits with { RecipientDomainLimit = limit }
                : limits;
        }

        return limits;
    }
}
