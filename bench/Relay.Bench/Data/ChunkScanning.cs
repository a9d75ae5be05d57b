using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Data;

/// <summary>16 MiB that came by BDAT in segments of 64 KiB, copied and looked at; copying alone is the measure.</summary>
[Octets(Length)]
public class ChunkScanning
{
    private const int Length = 16 * 1024 * 1024;

    private readonly DiscardWriter _output = new();
    private ReadOnlySequence<byte> _wire;

    [Params(TextKind.Lines, TextKind.Dots)]
    public TextKind Text { get; set; }

    [GlobalSetup]
    public void Setup() => _wire = Segments.Cut(Texts.Of(Text, Length), 64 * 1024);

    [Benchmark(Baseline = true)]
    public void Copy()
    {
        foreach (ReadOnlyMemory<byte> segment in _wire)
        {
            _output.Write(segment.Span);
        }
    }

    [Benchmark]
    public bool Scan()
    {
        ChunkScanner scanner = default;
        foreach (ReadOnlyMemory<byte> segment in _wire)
        {
            scanner.Scan(segment.Span);
            _output.Write(segment.Span);
        }

        return scanner.HasLeadingDot;
    }
}
