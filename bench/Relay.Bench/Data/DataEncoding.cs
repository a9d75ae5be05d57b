using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Data;

/// <summary>A stored message of 16 MiB in pieces of 64 KiB, made ready for DATA: raw when the spool knows that no line begins with a dot, stuffed otherwise.</summary>
[Octets(Length)]
public class DataEncoding
{
    private const int Length = 16 * 1024 * 1024;

    private readonly DiscardWriter _output = new();
    private ReadOnlySequence<byte> _stored;

    [Params(TextKind.Lines, TextKind.Dots)]
    public TextKind Text { get; set; }

    [GlobalSetup]
    public void Setup() => _stored = Segments.Cut(Texts.Of(Text, Length), 64 * 1024);

    [Benchmark(Baseline = true)]
    public void Raw() => Encode(raw: true);

    [Benchmark]
    public void Stuffed() => Encode(raw: false);

    private void Encode(bool raw)
    {
        var encoder = new DataEncoder(raw);
        foreach (ReadOnlyMemory<byte> piece in _stored)
        {
            encoder.Write(piece.Span, _output);
        }

        encoder.Finish(_output);
    }
}
