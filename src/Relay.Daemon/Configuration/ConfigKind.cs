namespace Relay.Daemon.Configuration;

/// <summary>What a value in the file is.</summary>
internal enum ConfigKind
{
    Table,
    Array,
    String,
    Integer,
    Boolean,

    /// <summary>A number with a fraction, or a date: no key takes them.</summary>
    Other,
}
