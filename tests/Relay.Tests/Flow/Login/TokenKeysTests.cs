using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Relay.Flow;
using Relay.Flow.Login;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Login;

/// <summary>The keys of tokens, which are fetched.</summary>
public sealed class TokenKeysTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly TokenMaker _maker = new();
    private Func<HttpsAnswer> _answer;
    private int _fetched;

    public TokenKeysTests() => _answer = () => Answer(_maker.Keys());

    public void Dispose() => _maker.Dispose();

    [Fact]
    public async Task They_are_fetched_before_somebody_asks_and_anew_for_a_key_that_isnt_known_once_a_minute()
    {
        TokenKeys keys = Open();
        await Eventually.True(() => !keys.IsEmpty, "the keys");
        Assert.Equal(["rsa"], (await keys.ForAsync("rsa", default)).Select(static k => k.KeyId));
        Assert.Equal(["rsa", "ec"], (await keys.ForAsync(null, default)).Select(static k => k.KeyId));
        _answer = () => Answer(_maker.Keys(rsaId: "rsa2"));
        Assert.Empty(await keys.ForAsync("rsa2", default));
        Assert.Equal(1, _fetched);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Single(await keys.ForAsync("rsa2", default));
        Assert.Empty(await keys.ForAsync("nobody", default));
        Assert.Empty(await keys.ForAsync("rsa", default));
        Assert.Equal(2, _fetched);
    }

    [Fact]
    public async Task When_fetching_fails_the_old_ones_stay()
    {
        TokenKeys keys = Open();
        await Eventually.True(() => !keys.IsEmpty, "the keys");
        foreach (Func<HttpsAnswer> bad in (Func<HttpsAnswer>[])[() => throw new IOException("gone"), () => new HttpsAnswer(HttpStatusCode.NotFound, null, false, default), () => Answer("<html>"), () => Answer("{\"keys\":[]}"), () => Answer("{}"), () => new HttpsAnswer(HttpStatusCode.OK, null, true, default)])
        {
            _answer = bad;
            _time.Advance(TimeSpan.FromMinutes(1));
            Assert.Empty(await keys.ForAsync("nobody", default));
            Assert.Single(await keys.ForAsync("rsa", default));
        }

        Assert.Equal(7, _fetched);
    }

    [Fact]
    public async Task After_an_hour_they_are_fetched_again_and_nobody_waits_for_it()
    {
        TokenKeys keys = Open();
        await Eventually.True(() => !keys.IsEmpty, "the keys");
        _time.Advance(TimeSpan.FromMinutes(61));
        _answer = () => Answer(_maker.Keys(rsaId: "rsa2"));
        Assert.Single(await keys.ForAsync("rsa", default));
        await Eventually.True(() => _fetched == 2, "the new keys");
        Assert.Single(await keys.ForAsync("rsa2", default));
        Assert.Equal(2, _fetched);
    }

    [Fact]
    public void Of_a_set_only_what_checks_signatures_is_taken()
    {
        Assert.True(TokenKeys.TryRead(_maker.Keys(), out var keys, out _));
        Assert.Equal(["rsa", "ec"], keys.Select(static k => k.KeyId));
        Assert.False(TokenKeys.TryRead("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", out _, out string? wrong));
        Assert.Contains("no RSA key", wrong, StringComparison.Ordinal);
        Assert.False(TokenKeys.TryRead("[]", out _, out _));
        Assert.False(TokenKeys.TryRead("", out _, out _));
    }

    private static HttpsAnswer Answer(string text) => new(HttpStatusCode.OK, "application/json", false, Encoding.UTF8.GetBytes(text));

    private TokenKeys Open() => new(
        new OAuthOptions { Issuer = "x", Audiences = ["y"], KeysUrl = new Uri("https://issuer.example/jwks") },
        (_, _, _) =>
        {
            Interlocked.Increment(ref _fetched);
            try
            {
                return Task.FromResult(_answer());
            }
            catch (IOException e)
            {
                return Task.FromException<HttpsAnswer>(e);
            }
        },
        _time, NullLogger.Instance);
}
