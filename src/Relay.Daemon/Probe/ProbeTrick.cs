namespace Relay.Daemon.Probe;

/// <summary>
/// One way to get a mailbox elsewhere past a server: commands in a transaction of its own, of which the last is a RCPT (with names in braces, see <see cref="ProbeNames"/>). None has content.
/// </summary>
internal sealed record ProbeTrick(string Name, params string[] Commands)
{
    public const string Mail = "MAIL FROM:<{from}>";

    public const string Rcpt = "RCPT TO:<{to}>";

    /// <summary>A RCPT for a mailbox that isn't there, in the place that the trick's has by its outward form. A server that takes it takes everything there, and its yes to the trick tells nothing.</summary>
    public string? Control { get; init; }

    /// <summary>Sent before the greeting.</summary>
    public string? Opening { get; init; }

    /// <summary>False: the commands are all that is said.</summary>
    public bool SaysHello { get; init; } = true;

    /// <summary>What is said changes the session: it begins and ends with this trick.</summary>
    public bool IsAlone { get; init; }

    /// <summary>A trick in the recipient alone.</summary>
    public static ProbeTrick Path(string name, string path, string? control = null) => new(name, Mail, "RCPT TO:" + path) { Control = control is null ? null : "RCPT TO:" + control };

    /// <summary>A trick in the sender alone.</summary>
    public static ProbeTrick Sender(string name, string path) => new(name, "MAIL FROM:" + path, Rcpt);

    /// <summary>Another way to say hello, or none.</summary>
    public static ProbeTrick Hello(string name, params string[] hello) => new(name, [.. hello, Mail, Rcpt]) { SaysHello = false, IsAlone = true };
}
