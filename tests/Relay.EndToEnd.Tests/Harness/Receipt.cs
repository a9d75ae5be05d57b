namespace Relay.EndToEnd.Tests.Harness;

/// <summary>That a message arrived: its id, the SHA-256 of what its client had handed in, and the timestamp (Stopwatch ticks) of its end of data.</summary>
internal readonly record struct Receipt(string Id, string Hash, long At)
{
    public static Receipt Of(ArrivedMessage message) => new(Ledger.IdOf(message), TestMessage.HashOf(message.Original), message.At);
}
