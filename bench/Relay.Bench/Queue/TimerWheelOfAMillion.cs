using BenchmarkDotNet.Attributes;
using Relay.Concurrency;

namespace Relay.Bench.Queue;

/// <summary>A wheel on which a million items wait for up to four hours of 100 ms: what comes due is put back for later. One operation is one item handed out and added again, its part of the ticks between included.</summary>
public class TimerWheelOfAMillion
{
    private const int Waiting = 1_000_000;
    private const int Items = 10_000;
    private const int Longest = 4 * 36_000;

    private readonly TimerWheel<BenchItem> _wheel = new(0);
    private readonly Random _random = new(1);

    [GlobalSetup]
    public void Fill()
    {
        for (int i = 0; i < Waiting; i++)
        {
            _wheel.Add(new BenchItem { DueTick = 1 + _random.Next(Longest) });
        }
    }

    [Benchmark(OperationsPerInvoke = Items)]
    public int Hand_out_and_add()
    {
        int handed = 0;
        while (handed < Items)
        {
            for (BenchItem? item = _wheel.Advance(_wheel.Now + 1); item is not null; handed++)
            {
                BenchItem? next = item.Next;
                item.DueTick = _wheel.Now + 1 + _random.Next(Longest);
                _wheel.Add(item);
                item = next;
            }
        }

        return handed;
    }
}
