using Relay.Flow.Login;

namespace Relay.Daemon.Configuration;

/// <summary>[oauth] in the making.</summary>
internal sealed class OAuthDraft
{
    private static readonly OAuthOptions Defaults = new() { Issuer = "", Audiences = [] };

    public OAuthDraft()
    {
    }

    /// <summary><paramref name="keys"/>: where its keys were read from.</summary>
    public OAuthDraft(OAuthOptions options, string? keys)
    {
        Issuer = options.Issuer;
        Audiences = options.Audiences;
        KeysPlace = keys;
        Claim = options.Claim;
        Algorithms = options.Algorithms;
        ClockSkew = options.ClockSkew;
        Scope = options.Scope;
    }

    public string? Issuer { get; set; }

    public IReadOnlyList<string>? Audiences { get; set; }

    /// <summary>A file, or a URL.</summary>
    public string? KeysPlace { get; set; }

    /// <summary>What stood in the file.</summary>
    public string? Keys { get; set; }

    public string Claim { get; set; } = Defaults.Claim;

    public IReadOnlyList<string> Algorithms { get; set; } = Defaults.Algorithms;

    public TimeSpan ClockSkew { get; set; } = Defaults.ClockSkew;

    public string? Scope { get; set; }

    public bool IsUrl => KeysPlace?.StartsWith("https://", StringComparison.Ordinal) == true;

    /// <summary>Null: there is none.</summary>
    public OAuthOptions? Build() => Issuer is null ? null : new OAuthOptions
    {
        Issuer = Issuer,
        Audiences = Audiences!,
        Keys = Keys,
        KeysUrl = IsUrl ? new Uri(KeysPlace!) : null,
        Claim = Claim,
        Algorithms = Algorithms,
        ClockSkew = ClockSkew,
        Scope = Scope,
    };
}
