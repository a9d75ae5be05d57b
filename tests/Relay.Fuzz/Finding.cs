namespace Relay.Fuzz;

/// <summary>An input on which a target failed, as small as it could be made, and how it fails.</summary>
internal sealed record Finding(string Target, byte[] Input, string Failure);
