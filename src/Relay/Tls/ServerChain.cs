using System.Security.Cryptography.X509Certificates;

namespace Relay.Tls;

/// <summary>How the certificates of servers are put together to a chain.</summary>
internal static class ServerChain
{
    /// <summary>
    /// By the system's authorities and what the server sent, and nothing else: what a stranger's certificate says of where more can be fetched isn't followed, and revocation isn't asked for, since either would make the
    /// handshake wait for others. A new one for each handshake, because it is changed while it is used.
    /// </summary>
    public static X509ChainPolicy Policy() => new() { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
}
