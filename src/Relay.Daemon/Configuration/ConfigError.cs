using System.Globalization;

namespace Relay.Daemon.Configuration;

/// <summary>One thing that is wrong in a configuration, with the place where an editor should jump to. The message says what is wrong and what would be right.</summary>
internal sealed record ConfigError(string File, Position Position, string Message)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}:{Position.Line}:{Position.Column}: {Message}");
}
