using System.Globalization;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Spool;

/// <summary>
/// How a message looks outside the spool: its envelope as header fields before its own, so that any mail program opens the file and the message itself follows unchanged. The fields:
/// X-Relay-Id, -Arrived, -Client, -From, -Body, then for each recipient X-Relay-To with the attempts made and the time of the next, or X-Relay-Done when nothing is left to do for it.
/// </summary>
internal static class MessageExport
{
    internal static void WriteEnvelope(SpooledMessage message, Stream into)
    {
        Write(into, "X-Relay-Id: ", message.Id.ToString());
        Write(into, "X-Relay-Arrived: ", Time(message.Arrived));
        if (message.Client is { } client)
        {
            Write(into, "X-Relay-Client: ", client.ToString());
        }

        Write(into, "X-Relay-From: ", Path(message.Envelope.ReversePath));
        Write(into, "X-Relay-Body: ", Kind(message.Envelope));
        ILookup<int, PendingRecipient> pending = message.Pending().ToLookup(static p => p.Recipient);
        for (int i = 0; i < message.Envelope.RecipientCount; i++)
        {
            string path = Path(message.Envelope.Recipient(i));
            if (pending[i].FirstOrDefault() is var left && pending.Contains(i))
            {
                Write(into, "X-Relay-To: ", string.Create(CultureInfo.InvariantCulture, $"{path}; attempts={left.Attempts}; next={Time(left.NextAttempt)}"));
            }
            else
            {
                Write(into, "X-Relay-Done: ", path);
            }
        }
    }

    /// <summary>The message as one line, columns parted by a blank.</summary>
    internal static string Line(SpooledMessage message)
    {
        PendingRecipient[] pending = message.Pending();
        var recipients = new StringBuilder();
        foreach (PendingRecipient recipient in pending)
        {
            recipients.Append(recipients.Length == 0 ? "" : ",").Append(Path(message.Envelope.Recipient(recipient.Recipient)));
        }

        return string.Create(CultureInfo.InvariantCulture,
            $"{message.Id} {Time(message.Arrived)} {message.Size} {Path(message.Envelope.ReversePath)} {recipients} {pending.Max(static p => p.Attempts)} {Time(pending.Min(static p => p.NextAttempt))}");
    }

    /// <summary>What the content is declared to be.</summary>
    internal static string Kind(Envelope envelope) => (envelope.Body switch
    {
        BodyType.EightBitMime => "8BITMIME",
        BodyType.BinaryMime => "BINARYMIME",
        _ => "7BIT",
    }) + (envelope.Flags.HasFlag(EnvelopeFlags.SmtpUtf8) ? " SMTPUTF8" : "");

    private static string Path(ReadOnlySpan<byte> address) => $"<{Encoding.UTF8.GetString(address)}>";

    private static string Time(DateTimeOffset time) => RecipientUpdate.OrderOf(time.UtcTicks) is not RecipientOrder.None and var order ? order.ToString().ToLowerInvariant() : time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static void Write(Stream into, string name, string value) => into.Write(Encoding.UTF8.GetBytes($"{name}{value}\r\n"));
}
