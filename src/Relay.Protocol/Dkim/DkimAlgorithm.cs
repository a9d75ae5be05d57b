namespace Relay.Protocol.Dkim;

/// <summary>What signs (RFC 8301, RFC 8463): both sign a SHA-256 hash.</summary>
public enum DkimAlgorithm
{
    RsaSha256,
    Ed25519Sha256,
}
