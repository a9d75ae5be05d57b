using System.Buffers;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Send;

/// <summary>What a host can be given and how it is told: its extensions against what the message needs. Nothing is ever re-encoded on the way, which would break signatures. Stateless; any thread.</summary>
internal static class HopRules
{
    /// <summary>RFC 2852 §4: by-time has up to nine digits.</summary>
    private const long MaximumSeconds = 999_999_999;

    /// <summary>
    /// Why this host can't be given the message, for good as far as this host goes; null when it can. <paramref name="isProven"/>: the connection is in TLS with the server that it should be with, beyond doubt. <paramref name="isFinal"/>: that is a delivery agent.
    /// </summary>
    public static PeerReply? Refusal(QueuedMessage message, long size, in ServerExtensions server, bool isProven, bool isFinal = false)
    {
        Envelope envelope = message.Message.Envelope;
        // RFC 8689 §5: a report goes on all the same, rather than be lost.
        if (envelope.Flags.HasFlag(EnvelopeFlags.RequireTls) && !envelope.ReversePath.IsEmpty)
        {
            if (!isProven)
            {
                return AttemptFailure.LocalReply(5, 7, 10, "the message requires TLS (REQUIRETLS), and there is none with a server that proves who it is");
            }

            // A delivery agent hands nothing on.
            if (!server.RequireTls && !isFinal)
            {
                return AttemptFailure.LocalReply(5, 7, 30, "the message requires TLS (REQUIRETLS), and the server does not offer REQUIRETLS");
            }
        }

        if (server.SizeLimit is > 0 and long limit && size > limit)
        {
            // RFC 1870 §6.3: the server has said beforehand that it will refuse it.
            return AttemptFailure.LocalReply(5, 3, 4, $"the message has {size} octets, the server takes {limit}");
        }

        if (NeedsUtf8(message) && !server.SmtpUtf8)
        {
            // RFC 6531 §3.2: neither an address nor a header field that isn't ASCII has another form.
            return AttemptFailure.LocalReply(5, 6, 7, "the message is internationalized, and the server does not offer SMTPUTF8");
        }

        if (IsBinary(envelope) && !(server.BinaryMime && server.Chunking))
        {
            // RFC 3030 §3: by BDAT alone, and only to a server that knows what is coming.
            return AttemptFailure.LocalReply(5, 6, 3, "the message is binary, and the server does not offer BINARYMIME");
        }

        return IsEightBit(envelope) && !server.EightBitMime
            ? AttemptFailure.LocalReply(5, 6, 3, "the message has octets above 127, and the server does not offer 8BITMIME")
            : null;
    }

    /// <summary>Whether the message goes by BDAT (RFC 3030), as all do where it is offered: the octets need no looking at, and no reply stands between the envelope and them.</summary>
    public static bool UsesChunks(in ServerExtensions server) => server.Chunking;

    /// <summary>
    /// MAIL with all that this host understands of the message's parameters. FUTURERELEASE isn't handed on, because the message has been held here. AUTH= is the word of whoever authenticated its submitter
    /// and goes only to a server to which we are authenticated (RFC 4954 §5).
    /// </summary>
    public static void WriteMail(IBufferWriter<byte> output, QueuedMessage message, long size, in ServerExtensions server, bool authenticated, DateTimeOffset now)
    {
        Envelope envelope = message.Message.Envelope;
        BodyType body = IsBinary(envelope) ? BodyType.BinaryMime
            : server.EightBitMime && IsEightBit(envelope) ? BodyType.EightBitMime
            : BodyType.Unspecified;
        DeliverBy by = default;
        if ((server.Offered & Extensions.DeliverBy) != 0 && envelope.DeliverBy is { } time)
        {
            // RFC 2852 §4.1.4: what is left of the time. A message to be returned that has none left isn't sent at all, so what rounds down to none has a second.
            long left = Math.Clamp((long)(time - now).TotalSeconds, -MaximumSeconds, MaximumSeconds);
            by = new DeliverBy(envelope.DeliverByMode == DeliverByMode.Return ? Math.Max(1, left) : left, envelope.DeliverByMode, envelope.DeliverByTrace);
        }

        CommandWriter.Mail(output, envelope.ReversePath, new MailArguments
        {
            Size = server.SizeLimit is null ? null : size,
            Body = body,
            Return = server.Dsn ? envelope.Return : DsnReturn.Unspecified,
            EnvelopeId = server.Dsn ? envelope.EnvelopeId : default,
            SmtpUtf8 = server.SmtpUtf8 && (envelope.Flags.HasFlag(EnvelopeFlags.SmtpUtf8) || NeedsUtf8(message)),
            RequireTls = server.RequireTls && envelope.Flags.HasFlag(EnvelopeFlags.RequireTls),
            DeliverBy = by,
            Priority = server.MtPriority ? envelope.Priority : (sbyte)0,
            Submitter = authenticated && (server.Offered & Extensions.Auth) != 0 ? envelope.Submitter : default,
        });
    }

    /// <summary>RCPT with what the sender wants to be told of this recipient, where the server takes that over (RFC 3461 §5.2).</summary>
    public static void WriteRcpt(IBufferWriter<byte> output, in Envelope.RecipientEnumerator recipient, in ServerExtensions server)
    {
        if (server.Dsn)
        {
            // RFC 6533 §3: an address that isn't ASCII goes in this form only where all may.
            ReadOnlySpan<byte> original = recipient.OriginalRecipient;
            CommandWriter.Rcpt(output, recipient.Current, recipient.Notify, server.SmtpUtf8 || Ascii.IsValid(original) ? original : default);
        }
        else
        {
            CommandWriter.Rcpt(output, recipient.Current);
        }
    }

    private static bool IsBinary(Envelope envelope) => envelope.Flags.HasFlag(EnvelopeFlags.Binary);

    private static bool IsEightBit(Envelope envelope) => envelope.Body == BodyType.EightBitMime || envelope.Flags.HasFlag(EnvelopeFlags.EightBit);

    /// <summary>An address of it isn't ASCII; or it was said to be internationalized and holds octets above 127, which may stand in its header.</summary>
    private static bool NeedsUtf8(QueuedMessage message)
    {
        Envelope envelope = message.Message.Envelope;
        if (!envelope.Flags.HasFlag(EnvelopeFlags.SmtpUtf8))
        {
            return !Ascii.IsValid(envelope.ReversePath);
        }

        if (envelope.Flags.HasFlag(EnvelopeFlags.EightBit) || !Ascii.IsValid(envelope.ReversePath))
        {
            return true;
        }

        foreach (ushort recipient in message.Recipients)
        {
            if (!Ascii.IsValid(envelope.Recipient(recipient)))
            {
                return true;
            }
        }

        return false;
    }
}
