namespace Relay.Telemetry;

/// <summary>The TLS of an attempt, for the delivery log: "TLSv1.3", the cipher suite's name, and by what the peer's identity was verified ("none" when by nothing).</summary>
public readonly record struct TlsInfo(string Version, string Cipher, string Verified);
