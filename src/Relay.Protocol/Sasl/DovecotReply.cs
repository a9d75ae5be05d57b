namespace Relay.Protocol.Sasl;

/// <summary>Dovecot's answer in one exchange.</summary>
/// <param name="Id">Of the exchange.</param>
/// <param name="Verdict">What it is.</param>
/// <param name="Challenge">With <see cref="DovecotVerdict.Continue"/>: base64, perhaps empty.</param>
/// <param name="User">The user's name as Dovecot has it; null when it doesn't say.</param>
/// <param name="IsTemporary">With <see cref="DovecotVerdict.Fail"/>: it couldn't find out.</param>
public readonly record struct DovecotReply(uint Id, DovecotVerdict Verdict, string Challenge, string? User, bool IsTemporary);
