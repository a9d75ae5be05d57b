using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Data;

/// <summary>The worst that a client can do: 256 KiB behind DATA, each octet a segment of its own.</summary>
[Octets(Length)]
public class DataDecodingByOctets
{
    private const int Length = 256 * 1024;

    private readonly DiscardWriter _output = new();
    private ReadOnlySequence<byte> _wire;

    [GlobalSetup]
    public void Setup() => _wire = Segments.Cut([.. Texts.Of(TextKind.Lines, Length), .. ".\r\n"u8], 1);

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
