using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using Relay.Telemetry;

namespace Relay.Flow.Login;

/// <summary>
/// The public keys with which tokens are signed: of a file, or of a URL from which they are fetched in the background, each hour, and when a token names one that isn't there, at most once a minute. When that fails the old ones stay.
/// Any thread.
/// </summary>
internal sealed class TokenKeys
{
    private const int MaximumSize = 256 * 1024;
    private const int MaximumKeys = 100;

    /// <summary>RFC 8725 §3.5.</summary>
    private const int LeastRsaBits = 2048;

    private static readonly TimeSpan FetchLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Life = TimeSpan.FromHours(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly Func<HttpRequestMessage, int, TimeSpan, Task<HttpsAnswer>> _fetch;
    private volatile IReadOnlyList<SecurityKey> _keys;
    private Task _fetching = Task.CompletedTask;
    private DateTimeOffset _tried = DateTimeOffset.MinValue;

    /// <summary><paramref name="fetch"/> is the relay's HTTPS; what is asked of it, how many octets may come, and in what time.</summary>
    public TokenKeys(OAuthOptions options, Func<HttpRequestMessage, int, TimeSpan, Task<HttpsAnswer>> fetch, TimeProvider time, ILogger log)
    {
        Url = options.KeysUrl;
        _fetch = fetch;
        _time = time;
        _log = log;
        _keys = options.Keys is { } text && TryRead(text, out IReadOnlyList<SecurityKey> keys, out _) ? keys : [];
        if (Url is not null)
        {
            _ = Refresh();
        }
    }

    /// <summary>Null: they are of a file.</summary>
    public Uri? Url { get; }

    public bool IsEmpty => _keys.Count == 0;

    /// <summary>The keys in a JSON Web Key Set (RFC 7517 §5) that signatures can be checked with; false when there is none, and why.</summary>
    public static bool TryRead(string text, out IReadOnlyList<SecurityKey> keys, out string? wrong)
    {
        keys = [];
        try
        {
            // Symmetric ones would let everybody who reads them make tokens.
            keys = [.. JsonWebKeySet.Create(text).Keys.Where(static k => k.Use is null or "" or "sig" && IsAsymmetric(k)).Take(MaximumKeys)];
        }
        catch (Exception e) when (e is ArgumentException or FormatException or System.Text.Json.JsonException)
        {
            wrong = "it is no JSON Web Key Set, {\"keys\": [...]}";
            return false;
        }

        wrong = keys.Count == 0 ? "it has no RSA key of 2048 bits or more and no EC key for signatures" : null;
        return wrong is null;
    }

    /// <summary>The keys that a token with this kid may be signed with: the one, or all for a token without. Waits for a fetch when none is known.</summary>
    public async ValueTask<IReadOnlyList<SecurityKey>> ForAsync(string? kid, CancellationToken cancel)
    {
        IReadOnlyList<SecurityKey> found = Of(kid);
        if (found.Count == 0 && Url is not null)
        {
            await Refresh().WaitAsync(FetchLimit, _time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            found = Of(kid);
        }
        else if (Url is not null && _time.GetUtcNow() - _tried > Life)
        {
            // Nobody waits for it.
            _ = Refresh();
        }

        return found;
    }

    private static bool IsAsymmetric(JsonWebKey key) => key.Kty == "EC" || (key.Kty == "RSA" && key.KeySize >= LeastRsaBits);

    private IReadOnlyList<SecurityKey> Of(string? kid) => string.IsNullOrEmpty(kid) ? _keys : [.. _keys.Where(k => k.KeyId == kid)];

    /// <summary>Fetches, or joins who does; within the pause behind the last try it is over at once.</summary>
    private Task Refresh()
    {
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            if (_fetching.IsCompleted && now - _tried >= Pause)
            {
                _tried = now;
                _fetching = Task.Run(FetchAsync);
            }

            return _fetching;
        }
    }

    private async Task FetchAsync()
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Url);
            HttpsAnswer answer = await _fetch(request, MaximumSize, FetchLimit).ConfigureAwait(false);
            string? wrong = answer.Status != HttpStatusCode.OK ? string.Create(CultureInfo.InvariantCulture, $"the server answered {(int)answer.Status}")
                : answer.IsTooLong ? string.Create(CultureInfo.InvariantCulture, $"it is longer than {MaximumSize} octets")
                : null;
            if (wrong is null && TryRead(Encoding.UTF8.GetString(answer.Content.Span), out IReadOnlyList<SecurityKey> keys, out wrong))
            {
                _keys = keys;
                return;
            }

            SessionLog.KeysNotFetched(_log, Url!, wrong!);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            SessionLog.KeysNotFetched(_log, Url!, LogText.Clean(e is OperationCanceledException ? "timed out" : (e.InnerException ?? e).Message));
        }
    }
}
