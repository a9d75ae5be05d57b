using System.Text;
using Relay.Flow.Policy;
using Relay.Tls;

namespace Relay.Flow.Login;

/// <summary>The users file as a source: what it keeps of passwords proves them, and who has a token (RFC 7628) must be a user in it too. Immutable, a reload is a new one; any thread.</summary>
internal sealed class UserLogins(Accounts accounts, PasswordWork passwords, TokenCheck? tokens) : ILoginSource
{
    private readonly byte[] _mechanisms = Encoding.ASCII.GetBytes("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" + (tokens is null ? "" : " OAUTHBEARER XOAUTH2"));

    public ReadOnlySpan<byte> Mechanisms => _mechanisms;

    public ILogin? Begin(ReadOnlySpan<byte> mechanism, LoginClient client) =>
        Ascii.EqualsIgnoreCase(mechanism, "PLAIN"u8) ? new PasswordLogin(accounts, passwords, asks: false)
        : Ascii.EqualsIgnoreCase(mechanism, "LOGIN"u8) ? new PasswordLogin(accounts, passwords, asks: true)
        : Ascii.EqualsIgnoreCase(mechanism, "SCRAM-SHA-256"u8) ? new ScramLogin(accounts, plus: false, client.Binding())
        : Ascii.EqualsIgnoreCase(mechanism, "SCRAM-SHA-256-PLUS"u8) ? new ScramLogin(accounts, plus: true, client.Binding())
        : tokens is not null && Ascii.EqualsIgnoreCase(mechanism, "OAUTHBEARER"u8) ? new TokenLogin(accounts, tokens, isXoauth2: false)
        : tokens is not null && Ascii.EqualsIgnoreCase(mechanism, "XOAUTH2"u8) ? new TokenLogin(accounts, tokens, isXoauth2: true)
        : client.Certificate is { } certificate && Ascii.EqualsIgnoreCase(mechanism, "EXTERNAL"u8) ? new ExternalLogin(accounts, certificate)
        : null;

    public Account? Find(string user) => accounts.Find(user);

    public Account? Find(ClientCertificate certificate) => accounts.Find(certificate, []);

    public Account? Renew(Account account) => accounts.Find(account.Name) is { } now && account.IsProvedAs(now) ? now : null;
}
