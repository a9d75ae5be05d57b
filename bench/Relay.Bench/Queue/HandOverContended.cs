using System.Collections.Concurrent;
using System.Threading.Channels;
using BenchmarkDotNet.Attributes;
using Relay.Concurrency;

namespace Relay.Bench.Queue;

/// <summary>
/// Many producers, each on a thread of its own, hand items to one consumer: the relay's own structure beside those of the library. One operation is one item, from its push to its being taken;
/// the items are there before, so what is allocated is the structure's.
/// </summary>
public class HandOverContended
{
    private const int Items = 1 << 17;

    private readonly HandOver<BenchItem> _handOver = new();
    private readonly ConcurrentQueue<BenchItem> _queue = new();
    private readonly Channel<BenchItem> _channel = Channel.CreateUnbounded<BenchItem>(new UnboundedChannelOptions { SingleReader = true });
    private readonly object _gate = new();
    private BenchItem[] _items = [];
    private int _round;
    private Action<BenchItem>? _push;
    private Action<BenchItem>? _pushHandOver;
    private Action<BenchItem>? _pushQueue;
    private Action<BenchItem>? _pushChannel;

    [Params(1, 2, 4, 8)]
    public int Producers { get; set; }

    [GlobalSetup]
    public void Start()
    {
        _items = [.. Enumerable.Range(0, Items).Select(static _ => new BenchItem())];
        for (int p = 0; p < Producers; p++)
        {
            int first = p * (Items / Producers);
            new Thread(() => Produce(first, first + Items / Producers)) { IsBackground = true }.Start();
        }
    }

    [GlobalCleanup]
    public void Stop() => Begin(null);

    [Benchmark(OperationsPerInvoke = Items)]
    public void Hand_over()
    {
        Begin(_pushHandOver ??= item => _handOver.Push(item));
        var wait = new SpinWait();
        for (int taken = 0; taken < Items;)
        {
            BenchItem? item = _handOver.TakeAll();
            if (item is null)
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }

            for (; item is not null; item = item.Next)
            {
                taken++;
            }
        }
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public void Concurrent_queue()
    {
        Begin(_pushQueue ??= _queue.Enqueue);
        var wait = new SpinWait();
        for (int taken = 0; taken < Items;)
        {
            if (_queue.TryDequeue(out _))
            {
                taken++;
            }
            else
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public void Unbounded_channel()
    {
        Begin(_pushChannel ??= item => _channel.Writer.TryWrite(item));
        var wait = new SpinWait();
        for (int taken = 0; taken < Items;)
        {
            if (_channel.Reader.TryRead(out _))
            {
                taken++;
            }
            else
            {
                wait.SpinOnce(sleep1Threshold: -1);
            }
        }
    }

    /// <summary>Lets the producers run once, or end.</summary>
    private void Begin(Action<BenchItem>? push)
    {
        lock (_gate)
        {
            _push = push;
            _round++;
            Monitor.PulseAll(_gate);
        }
    }

    private void Produce(int first, int end)
    {
        int round = 0;
        while (true)
        {
            Action<BenchItem>? push;
            lock (_gate)
            {
                while (_round == round)
                {
                    Monitor.Wait(_gate);
                }

                round = _round;
                push = _push;
            }

            if (push is null)
            {
                return;
            }

            for (int i = first; i < end; i++)
            {
                push(_items[i]);
            }
        }
    }
}
