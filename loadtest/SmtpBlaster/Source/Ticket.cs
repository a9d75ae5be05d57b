namespace SmtpBlaster.Source;

/// <summary>The right to send one message: its recipients' numbers, and when it was meant to go, from which its latency is measured.</summary>
internal readonly record struct Ticket(long First, int Count, long Intended);
