using System.Collections.Concurrent;
using System.Threading.Channels;
using BenchmarkDotNet.Attributes;
using Relay.Concurrency;

namespace Relay.Bench.Queue;

/// <summary>The same structures on one thread: 100 items in, 100 items out. One operation is one item.</summary>
public class HandOverAlone
{
    private const int Items = 100;

    private readonly HandOver<BenchItem> _handOver = new();
    private readonly ConcurrentQueue<BenchItem> _queue = new();
    private readonly Channel<BenchItem> _channel = Channel.CreateUnbounded<BenchItem>(new UnboundedChannelOptions { SingleReader = true });
    private readonly BenchItem[] _items = [.. Enumerable.Range(0, Items).Select(static _ => new BenchItem())];

    [Benchmark(OperationsPerInvoke = Items)]
    public int Hand_over()
    {
        foreach (BenchItem item in _items)
        {
            _handOver.Push(item);
        }

        int taken = 0;
        for (BenchItem? item = _handOver.TakeAll(); item is not null; item = item.Next)
        {
            taken++;
        }

        return taken;
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public int Concurrent_queue()
    {
        foreach (BenchItem item in _items)
        {
            _queue.Enqueue(item);
        }

        int taken = 0;
        while (_queue.TryDequeue(out _))
        {
            taken++;
        }

        return taken;
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public int Unbounded_channel()
    {
        foreach (BenchItem item in _items)
        {
            _channel.Writer.TryWrite(item);
        }

        int taken = 0;
        while (_channel.Reader.TryRead(out _))
        {
            taken++;
        }

        return taken;
    }
}
