using System.Globalization;
using Relay.Flow.Accept;
using Relay.Flow.Login;

namespace Relay.Daemon.Configuration;

/// <summary>How users log in: one source of them, keys of tokens that are some, and listeners on which it can be done.</summary>
internal static class LoginChecks
{
    /// <summary>Those that have no default: where one stands, tokens are wanted.</summary>
    private static readonly string[] TokenKeyNames = ["issuer", "audience", "jwks", "scope"];

    public static void Run(ConfigDraft draft, ConfigReader reader)
    {
        if (draft.UsersPath is not null && draft.DovecotPath is not null)
        {
            reader.Fail(draft.Where("access.dovecot_auth"), "users and dovecot_auth both say who may log in: write one of them");
        }

        CheckTokens(draft, reader);
        for (int i = 0; i < draft.Listeners.Count; i++)
        {
            ListenerDraft listener = draft.Listeners[i];
            if (listener.Role == ListenerRole.Submission && listener.Tls == ListenerTls.None && draft.Access.XClientFrom.Count == 0)
            {
                string path = string.Create(CultureInfo.InvariantCulture, $"listener[{i}].");
                reader.Fail(draft.Where(path + "tls"),
                    "nobody could log in there: users do so inside TLS only; write tls = \"starttls\" or \"implicit\", or name in xclient_from the proxies that do it for them");
            }
        }
    }

    private static void CheckTokens(ConfigDraft draft, ConfigReader reader)
    {
        OAuthDraft oauth = draft.OAuth;
        if (Array.Find(TokenKeyNames, k => draft.Says("oauth." + k)) is not { } any)
        {
            return;
        }

        Position place = draft.Where("oauth." + any);
        foreach ((string key, bool there) in new[] { ("issuer", oauth.Issuer is not null), ("audience", oauth.Audiences is not null), ("jwks", oauth.KeysPlace is not null) })
        {
            if (!there && !draft.Says("oauth." + key))
            {
                reader.Fail(place, $"[oauth] has no {key}: without issuer, audience and jwks nobody can tell whose tokens are good");
            }
        }

        if (draft.UsersPath is null)
        {
            reader.Fail(place, draft.DovecotPath is null
                ? "[oauth] is for those in a users file: name one as users in [access]"
                : "with dovecot_auth it is Dovecot that looks at tokens (its passdb oauth2): leave [oauth] out");
        }

        if (oauth.KeysPlace is { } path && !oauth.IsUrl && CertificateFiles.TryRead(path, draft.Where("oauth.jwks"), reader) is { } text)
        {
            oauth.Keys = text;
            if (OAuthOptions.FaultOf(text) is { } wrong)
            {
                reader.Fail(draft.Where("oauth.jwks"), $"{path}: {wrong}");
            }
        }
    }
}
