using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Data;

/// <summary>16 MiB behind DATA in segments of 64 KiB, decoded; copying the same segments into the same writer is the measure.</summary>
[Octets(Length)]
public class DataDecoding
{
    private const int Length = 16 * 1024 * 1024;

    private readonly DiscardWriter _output = new();
    private ReadOnlySequence<byte> _wire;

    [Params(TextKind.Lines, TextKind.Dots)]
    public TextKind Text { get; set; }

    [GlobalSetup]
    public void Setup() => _wire = Segments.Cut([.. Texts.Of(Text, Length), .. ".\r\n"u8], 64 * 1024);

    [Benchmark(Baseline = true)]
    public void Copy()
    {
        foreach (ReadOnlyMemory<byte> segment in _wire)
        {
            _output.Write(segment.Span);
        }
    }

    [Benchmark]
    public long Decode()
    {
        DataDecoder decoder = default;
        decoder.Decode(_wire, _output, out _);
        return decoder.Length;
    }
}
