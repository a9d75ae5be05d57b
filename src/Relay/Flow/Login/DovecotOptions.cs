using Relay.Flow.Policy;

namespace Relay.Flow.Login;

/// <summary>A Dovecot that knows the users, and what those may do, of whom it says no more than the name. Immutable.</summary>
/// <param name="Path">Its socket for clients of authentication.</param>
/// <param name="Senders">From where a user may send, besides from his name when that is an address.</param>
/// <param name="Limits">What each may send.</param>
public sealed record DovecotOptions(string Path, IReadOnlyList<SenderTemplate> Senders, UserLimits Limits);
