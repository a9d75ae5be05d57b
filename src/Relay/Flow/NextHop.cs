using System.Globalization;

namespace Relay.Flow;

/// <summary>A server named by configuration instead of by MX records. <see cref="Host"/> is a name (lower case) or an address literal without brackets.</summary>
public sealed record NextHop(NextHopScheme Scheme, string Host, int Port)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(Scheme switch { NextHopScheme.Smtps => "smtps", NextHopScheme.Lmtp => "lmtp", _ => "smtp" })}://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");
}
