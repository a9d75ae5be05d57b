namespace Relay.Flow.Policy;

/// <summary>What one user may send. Null says nothing of it, 0 sets no limit. Hours and days are any, not those of the clock. Immutable.</summary>
public sealed record UserLimits
{
    public static UserLimits None { get; } = new();

    public int? MessagesPerHour { get; init; }

    public int? MessagesPerDay { get; init; }

    public int? RecipientsPerHour { get; init; }

    public int? RecipientsPerDay { get; init; }

    /// <summary>Octets; of this and the limit for everybody the smaller one holds.</summary>
    public long? MessageSize { get; init; }

    /// <summary>Something is to be counted.</summary>
    internal bool Counts => MessagesPerHour > 0 || MessagesPerDay > 0 || RecipientsPerHour > 0 || RecipientsPerDay > 0;

    /// <summary>These, and what they say nothing of from others.</summary>
    public UserLimits Or(UserLimits others) => new()
    {
        MessagesPerHour = MessagesPerHour ?? others.MessagesPerHour,
        MessagesPerDay = MessagesPerDay ?? others.MessagesPerDay,
        RecipientsPerHour = RecipientsPerHour ?? others.RecipientsPerHour,
        RecipientsPerDay = RecipientsPerDay ?? others.RecipientsPerDay,
        MessageSize = MessageSize ?? others.MessageSize,
    };
}
