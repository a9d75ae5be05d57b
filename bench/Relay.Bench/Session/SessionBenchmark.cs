using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Flow.Accept;
using Relay.Testing;

namespace Relay.Bench.Session;

/// <summary>An established session over pipes in memory, with spool and queue on a disk that costs a copy.</summary>
public abstract class SessionBenchmark
{
    /// <summary>A session bears so many refusals that one of them can be measured many times.</summary>
    private static readonly EngineOptions Options = MemoryRelay.Options with { Limits = new LimitOptions { Errors = 1000 } };

    private MemoryClient? _client;
    private MemoryRelay? _relay;

    [GlobalCleanup]
    public void Close()
    {
        _client!.Finish();
        _relay!.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>Opens a session, ending the one before.</summary>
    protected void Connect()
    {
        _client?.Finish();
        _relay ??= new MemoryRelay(Options, NullLogger.Instance);
        _client = _relay.Connect();
        _client.Replies(1);
        Say("EHLO client.example\r\n"u8, 1, 250);
    }

    /// <summary>Sends and waits for the replies; another last code than the one that was meant makes the measurement worthless.</summary>
    protected void Say(ReadOnlySpan<byte> bytes, int replies, int code)
    {
        int got = _client!.Exchange(bytes, replies);
        if (got != code)
        {
            throw new InvalidOperationException($"{got} instead of {code}");
        }
    }
}
