namespace Relay.Bench.Data;

public enum TextKind
{
    /// <summary>Lines of 78 octets, CRLF included, none of them with a dot in front.</summary>
    Lines,

    /// <summary>Lines of 7 octets, each with a stuffed dot in front.</summary>
    Dots,
}
