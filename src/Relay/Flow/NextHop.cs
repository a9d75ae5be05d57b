using System.Globalization;

namespace Relay.Flow;

/// <summary>
/// A server named by configuration instead of by MX records. <see cref="Host"/> is a name (lower case), an address literal without brackets, or the path of a unix socket, which begins
/// with a slash and has port 0.
/// </summary>
public sealed record NextHop(NextHopScheme Scheme, string Host, int Port)
{
    public bool IsUnix => Host.StartsWith('/');

    public override string ToString() => IsUnix ? $"lmtp+unix://{Host}" : string.Create(CultureInfo.InvariantCulture,
        $"{(Scheme switch { NextHopScheme.Smtps => "smtps", NextHopScheme.Lmtp => "lmtp", _ => "smtp" })}://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");
}
