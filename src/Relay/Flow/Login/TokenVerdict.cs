namespace Relay.Flow.Login;

/// <summary>What a token is worth.</summary>
/// <param name="User">The name in it, when it is good; null otherwise.</param>
/// <param name="LacksScope">It is good for something else.</param>
/// <param name="IsUnknown">There are no keys yet to tell by.</param>
internal readonly record struct TokenVerdict(string? User, bool LacksScope = false, bool IsUnknown = false);
