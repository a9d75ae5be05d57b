namespace SmtpBlaster.Messages;

/// <summary>What tells one message of a run from another.</summary>
internal readonly record struct MessageFacts(uint Run, long Number, int Count, long SentMicros);
