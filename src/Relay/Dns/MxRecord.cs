namespace Relay.Dns;

/// <summary>One mail exchanger (RFC 1035 §3.3.9). <see cref="Exchange"/> is lower case, in A-labels, without a trailing dot; empty for the root, which a null MX names (RFC 7505).</summary>
public readonly record struct MxRecord(ushort Preference, string Exchange);
