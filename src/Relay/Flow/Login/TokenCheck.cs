using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Relay.Telemetry;

namespace Relay.Flow.Login;

/// <summary>Tells whether an access token is good (RFC 9068 §4): its signature, issuer, audience, time and scope. Immutable but for its keys; any thread.</summary>
internal sealed class TokenCheck
{
    private readonly OAuthOptions _options;
    private readonly TokenKeys _keys;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };

    public TokenCheck(OAuthOptions options, TokenKeys keys, TimeProvider time, ILogger log)
    {
        _options = options;
        _keys = keys;
        _time = time;
        _log = log;
        TokenFailure = Failure("invalid_token");
        ScopeFailure = Failure("insufficient_scope");
        XoauthFailure = Encoding.UTF8.GetBytes(new JsonObject { ["status"] = "401", ["schemes"] = "bearer", ["scope"] = options.Scope ?? "" }.ToJsonString());
    }

    /// <summary>What a client is told of a token that isn't good (RFC 7628 §3.2.2).</summary>
    public byte[] TokenFailure { get; }

    /// <summary>The same of one that is good for something else.</summary>
    public byte[] ScopeFailure { get; }

    /// <summary>The same in XOAUTH2.</summary>
    public byte[] XoauthFailure { get; }

    /// <summary>Never throws for what stands in a token. It may wait some seconds for keys.</summary>
    public async ValueTask<TokenVerdict> CheckAsync(string token, CancellationToken cancel)
    {
        // Three parts are a signed one (RFC 7515 §7.1); five would be encrypted (RFC 7516).
        if (token.AsSpan().Count('.') != 2)
        {
            return Refused("it is not signed in the compact form");
        }

        JsonWebToken read;
        try
        {
            read = _handler.ReadJsonWebToken(token);
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException)
        {
            return Refused("it can't be read");
        }

        IReadOnlyList<SecurityKey> keys = await _keys.ForAsync(read.Kid, cancel).ConfigureAwait(false);
        if (keys.Count == 0)
        {
            return _keys.IsEmpty ? new TokenVerdict(null, IsUnknown: true) : Refused("it is signed with a key that isn't known");
        }

        TokenValidationResult result = await _handler.ValidateTokenAsync(read, new TokenValidationParameters
        {
            ValidIssuer = _options.Issuer,
            ValidAudiences = _options.Audiences,
            ValidAlgorithms = _options.Algorithms,
            IssuerSigningKeys = keys,
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            RequireAudience = true,
            LifetimeValidator = IsOfNow,
        }).ConfigureAwait(false);
        if (!result.IsValid)
        {
            return Refused(result.Exception?.GetType().Name ?? "it is not valid");
        }

        if (!read.TryGetPayloadValue(_options.Claim, out string? user) || string.IsNullOrEmpty(user))
        {
            return Refused($"it has no claim {_options.Claim}");
        }

        if (_options.Scope is { } scope && !Words(read, "scope").Concat(Words(read, "scp")).Contains(scope, StringComparer.Ordinal))
        {
            TokenVerdict refused = Refused($"it has not the scope {scope}");
            return refused with { LacksScope = true };
        }

        return new TokenVerdict(user);
    }

    /// <summary>A text with words, or a list of them, as some write it.</summary>
    private static IEnumerable<string> Words(JsonWebToken token, string claim) => token.Claims.Where(c => c.Type == claim).SelectMany(static c => c.Value.Split(' '));

    private byte[] Failure(string status)
    {
        var failure = new JsonObject { ["status"] = status };
        if (_options.Scope is { } scope)
        {
            failure["scope"] = scope;
        }

        return Encoding.UTF8.GetBytes(failure.ToJsonString());
    }

    /// <summary>By our clock, which the library doesn't ask.</summary>
    private bool IsOfNow(DateTime? notBefore, DateTime? expires, SecurityToken token, TokenValidationParameters parameters)
    {
        DateTime now = _time.GetUtcNow().UtcDateTime;
        return expires is { } end && now < end + _options.ClockSkew && (notBefore is not { } begin || now >= begin - _options.ClockSkew);
    }

    private TokenVerdict Refused(string reason)
    {
        // The library's exceptions may quote the token; their names don't.
        SessionLog.TokenRefused(_log, reason);
        return default;
    }
}
