namespace Relay.Daemon.Configuration;

/// <summary>A place in a file, counted from 1.</summary>
internal readonly record struct Position(int Line, int Column)
{
    /// <summary>For what is wrong with a file as a whole.</summary>
    public static Position Start { get; } = new(1, 1);
}
