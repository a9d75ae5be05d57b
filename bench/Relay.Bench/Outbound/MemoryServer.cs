using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using Relay.Flow.Send;

namespace Relay.Bench.Outbound;

/// <summary>
/// A server in memory that takes everything and keeps nothing, at the other end of an outbound connection. It runs inside the client's own flush and allocates nothing once it runs, so that what is measured is the client.
/// </summary>
internal sealed class MemoryServer
{
    private readonly Pipe _there = NewPipe();
    private readonly Pipe _back = NewPipe();
    private long _chunk;
    private bool _inData;

    public MemoryServer()
    {
        var transport = new End(_back.Reader, _there.Writer);
        Client = new Dialed(transport, null, transport);
        _ = ServeAsync();
    }

    public Dialed Client { get; }

    private static Pipe NewPipe() =>
        new(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));

    private async Task ServeAsync()
    {
        while (true)
        {
            ReadResult read = await _there.Reader.ReadAsync();
            ReadOnlySequence<byte> buffer = read.Buffer;
            while (TryTake(ref buffer))
            {
            }

            _there.Reader.AdvanceTo(buffer.Start, buffer.End);
            await _back.Writer.FlushAsync();
            if (read.IsCompleted)
            {
                await _back.Writer.CompleteAsync();
                return;
            }
        }
    }

    private bool TryTake(ref ReadOnlySequence<byte> buffer)
    {
        if (_chunk > 0)
        {
            long taken = Math.Min(_chunk, buffer.Length);
            buffer = buffer.Slice(taken);
            _chunk -= taken;
            return _chunk == 0 && Say("250 2.0.0 taken\r\n"u8);
        }

        var reader = new SequenceReader<byte>(buffer);
        if (_inData)
        {
            if (!reader.TryReadTo(out ReadOnlySequence<byte> _, "\r\n.\r\n"u8))
            {
                return false;
            }

            _inData = false;
            buffer = reader.UnreadSequence;
            return Say("250 2.0.0 taken\r\n"u8);
        }

        if (!reader.TryReadTo(out ReadOnlySpan<byte> line, "\r\n"u8))
        {
            return false;
        }

        buffer = reader.UnreadSequence;
        if (line.StartsWith("BDAT "u8) && Utf8Parser.TryParse(line[5..], out long length, out _))
        {
            _chunk = length;
            return true;
        }

        _inData = line.SequenceEqual("DATA"u8);
        return Say(_inData ? "354 go on\r\n"u8 : "250 2.1.0 ok\r\n"u8);
    }

    private bool Say(ReadOnlySpan<byte> reply)
    {
        _back.Writer.Write(reply);
        return true;
    }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe, IDisposable
    {
        public void Dispose() => Output.Complete();
    }
}
