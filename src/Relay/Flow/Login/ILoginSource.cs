using Relay.Flow.Policy;
using Relay.Tls;

namespace Relay.Flow.Login;

/// <summary>Who knows which users there are and can tell whether somebody is one: the users file, or a server beside us. Any thread.</summary>
internal interface ILoginSource
{
    /// <summary>The mechanisms (RFC 4422) by which users can log in now, as they stand behind AUTH in the reply to EHLO; at least one.</summary>
    ReadOnlySpan<byte> Mechanisms { get; }

    /// <summary>Begins an exchange. Null: there is no such mechanism here.</summary>
    ILogin? Begin(ReadOnlySpan<byte> mechanism, LoginClient client);

    /// <summary>A user whose name somebody else vouches for; null when there is none.</summary>
    Account? Find(string user);

    /// <summary>A user who can log in by this certificate (EXTERNAL); null when there is none.</summary>
    Account? Find(ClientCertificate certificate);

    /// <summary>What has become of an account that logged in before a reload; null when it is no more, or has another password.</summary>
    Account? Renew(Account account);
}
