namespace Relay.Spool;

/// <summary>The memory that all folders of a spool share: the bodies' buffers, and what bodies and messages count against. Any thread.</summary>
internal sealed class SpoolMemory(SpoolOptions options)
{
    /// <summary>Keeps so many free ones for reuse as a quarter of what bodies being received may take.</summary>
    internal BufferPool Buffers { get; } = new(options.BufferBudget / 4);

    /// <summary>Bodies that are being received.</summary>
    internal MemoryBudget Receiving { get; } = new(options.BufferBudget);

    /// <summary>Bodies of accepted messages.</summary>
    internal MemoryBudget Cache { get; } = new(options.CacheBudget);

    /// <summary>Messages that are not gone.</summary>
    internal QueueBound Queue { get; } = new(options.MessagesInMemory);

    /// <summary>Gives back a buffer that was a message's copy in memory.</summary>
    internal void ReleaseCache(byte[]? buffer)
    {
        if (buffer is not null)
        {
            Cache.Give(buffer.Length);
            Buffers.Return(buffer);
        }
    }
}
