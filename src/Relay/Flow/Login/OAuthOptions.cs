namespace Relay.Flow.Login;

/// <summary>Whose access tokens (RFC 9068, JWT) let users log in, and what has to stand in them. Immutable.</summary>
public sealed record OAuthOptions
{
    /// <summary>Only asymmetric ones: who can check a token must not be able to make one.</summary>
    public static IReadOnlyList<string> Supported { get; } = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>iss.</summary>
    public required string Issuer { get; init; }

    /// <summary>aud: one of these.</summary>
    public required IReadOnlyList<string> Audiences { get; init; }

    /// <summary>A JSON Web Key Set (RFC 7517), its text; null: it is at <see cref="KeysUrl"/>.</summary>
    public string? Keys { get; init; }

    /// <summary>Null when that is a JSON Web Key Set with keys of use here, or what is wrong with it.</summary>
    public static string? FaultOf(string keys) => TokenKeys.TryRead(keys, out _, out string? wrong) ? null : wrong;

    /// <summary>HTTPS.</summary>
    public Uri? KeysUrl { get; init; }

    /// <summary>The claim with the name of the user.</summary>
    public string Claim { get; init; } = "email";

    /// <summary>Of <see cref="Supported"/>.</summary>
    public IReadOnlyList<string> Algorithms { get; init; } = Supported;

    /// <summary>By how much clocks may differ.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>One word of scope or scp that has to be there; null: none has.</summary>
    public string? Scope { get; init; }
}
