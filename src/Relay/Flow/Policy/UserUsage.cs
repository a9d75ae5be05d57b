using System.Globalization;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Policy;

/// <summary>
/// What one user has sent lately, and what is being handed in now: a message and each recipient count from the moment they are taken, so that sessions beside each other don't get more than one would, and only for good when the message is
/// stored. Any thread.
/// </summary>
internal sealed class UserUsage
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15);

    private readonly Lock _gate = new();
    private readonly UsageWindow _messagesHour = new(Minute, 60);
    private readonly UsageWindow _messagesDay = new(Quarter, 96);
    private readonly UsageWindow _recipientsHour = new(Minute, 60);
    private readonly UsageWindow _recipientsDay = new(Quarter, 96);
    private int _openMessages;
    private int _openRecipients;

    /// <summary>When a message was stored last.</summary>
    public DateTimeOffset Last { get; private set; }

    /// <summary>Null: one more message is taken, and owed to <see cref="Return"/> or <see cref="Sent"/>. Otherwise the refusal, and the name of the limit.</summary>
    public Reply? TryMessage(UserLimits limits, DateTimeOffset now, out string limit)
    {
        lock (_gate)
        {
            Reply? refusal = Check(_messagesHour, _openMessages, limits.MessagesPerHour, "messages_per_hour", now, out limit)
                ?? Check(_messagesDay, _openMessages, limits.MessagesPerDay, "messages_per_day", now, out limit)
                // Who has no recipients left needn't begin.
                ?? Check(_recipientsHour, _openRecipients, limits.RecipientsPerHour, "recipients_per_hour", now, out limit)
                ?? Check(_recipientsDay, _openRecipients, limits.RecipientsPerDay, "recipients_per_day", now, out limit);
            _openMessages += refusal is null ? 1 : 0;
            return refusal;
        }
    }

    /// <summary>The same for one more recipient.</summary>
    public Reply? TryRecipient(UserLimits limits, DateTimeOffset now, out string limit)
    {
        lock (_gate)
        {
            Reply? refusal = Check(_recipientsHour, _openRecipients, limits.RecipientsPerHour, "recipients_per_hour", now, out limit)
                ?? Check(_recipientsDay, _openRecipients, limits.RecipientsPerDay, "recipients_per_day", now, out limit);
            _openRecipients += refusal is null ? 1 : 0;
            return refusal;
        }
    }

    /// <summary>What was taken isn't used.</summary>
    public void Return(int messages, int recipients)
    {
        lock (_gate)
        {
            _openMessages -= messages;
            _openRecipients -= recipients;
        }
    }

    /// <summary>A message that was taken with its recipients is stored.</summary>
    public void Sent(DateTimeOffset now, int recipients)
    {
        lock (_gate)
        {
            _openMessages--;
            _openRecipients -= recipients;
            _messagesHour.Add(now, 1);
            _messagesDay.Add(now, 1);
            _recipientsHour.Add(now, recipients);
            _recipientsDay.Add(now, recipients);
            Last = now;
        }
    }

    /// <summary>For what is kept; null when there is nothing any more.</summary>
    public UsageRecord? ToRecord(DateTimeOffset now)
    {
        lock (_gate)
        {
            _messagesHour.MoveTo(now);
            _messagesDay.MoveTo(now);
            _recipientsHour.MoveTo(now);
            _recipientsDay.MoveTo(now);
            return _messagesDay.Total == 0 && _openMessages == 0 && _messagesHour.Total == 0 ? null
                : new UsageRecord(_messagesHour.ToPairs(), _messagesDay.ToPairs(), _recipientsHour.ToPairs(), _recipientsDay.ToPairs());
        }
    }

    /// <summary>Before anybody else knows it.</summary>
    public void Restore(UsageRecord record, DateTimeOffset now)
    {
        _messagesHour.Restore(record.MessagesHour, now);
        _messagesDay.Restore(record.MessagesDay, now);
        _recipientsHour.Restore(record.RecipientsHour, now);
        _recipientsDay.Restore(record.RecipientsDay, now);
        Last = now;
    }

    private static Reply? Check(UsageWindow window, int open, int? limit, string name, DateTimeOffset now, out string refused)
    {
        refused = name;
        window.MoveTo(now);
        if (limit is not > 0 || window.Total + open < limit)
        {
            return null;
        }

        string what = name.Replace('_', ' ').Replace(" per ", " in any ", StringComparison.Ordinal);
        return Reply.Of(ReplyCode.MailboxUnavailable450, 4, 7, 1, string.Create(
            CultureInfo.InvariantCulture, $"you may send {limit} {what}: try again after {window.FreeAt(now, limit.Value):yyyy-MM-dd HH:mm} UTC"));
    }
}
