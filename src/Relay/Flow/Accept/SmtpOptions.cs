namespace Relay.Flow.Accept;

/// <summary>Which service extensions are offered, where that is a choice. Reloadable.</summary>
public sealed record SmtpOptions
{
    /// <summary>Whether BINARYMIME (RFC 3030 §3) is offered. Such mail reaches only servers that take it too, and signatures over it break on the way where it has to be converted.</summary>
    public bool BinaryMime { get; init; }

    /// <summary>How long a client that may relay can ask for a message to be held back (FUTURERELEASE, RFC 4865); zero doesn't offer it.</summary>
    public TimeSpan MaximumHold { get; init; } = TimeSpan.FromDays(7);
}
