using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Relay.Testing;

/// <summary>
/// The client's end of a <see cref="MemoryRelay"/> connection. It waits by spinning: what it waits for is another thread's few microseconds (the spool's commit), and a wait that
/// allocates would spoil the measurements. One thread at a time.
/// </summary>
internal sealed class MemoryClient(PipeReader input, PipeWriter output, Task session)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Completes when the session has ended.</summary>
    public Task Session => session;

    public void Send(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        // Never pauses: the pipe has no limit.
        ValueTask<FlushResult> flush = output.FlushAsync();
        if (!flush.IsCompletedSuccessfully)
        {
            throw new InvalidOperationException("A pipe without a limit made its writer wait.");
        }

        flush.GetAwaiter().GetResult();
    }

    /// <summary>Sends, and waits for so many replies. Gives the code of the last, 0 when the session closed instead.</summary>
    public int Exchange(ReadOnlySpan<byte> bytes, int replies = 1)
    {
        Send(bytes);
        return Replies(replies);
    }

    /// <summary>Waits for so many replies and takes them. Gives the code of the last, 0 when the session closed instead.</summary>
    public int Replies(int replies)
    {
        int code = 0;
        while (replies > 0)
        {
            ReadResult read = Wait();
            ReadOnlySequence<byte> buffer = read.Buffer;
            while (replies > 0 && TryReply(ref buffer, out code))
            {
                replies--;
            }

            bool closed = read.IsCompleted && replies > 0;
            input.AdvanceTo(buffer.Start, replies > 0 ? buffer.End : buffer.Start);
            if (closed)
            {
                return 0;
            }
        }

        return code;
    }

    /// <summary>Says that nothing more will come, waits for the session's end and gives all it said and nobody took.</summary>
    public string Finish()
    {
        output.Complete();
        var text = new StringBuilder();
        while (true)
        {
            ReadResult read = Wait();
            foreach (ReadOnlyMemory<byte> part in read.Buffer)
            {
                text.Append(Encoding.Latin1.GetString(part.Span));
            }

            input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                break;
            }
        }

        input.Complete();
        SpinUntil(static s => s.IsCompleted, session);
        session.GetAwaiter().GetResult();
        return text.ToString();
    }

    /// <summary>Takes one reply, all its lines (RFC 5321 §4.2).</summary>
    private static bool TryReply(ref ReadOnlySequence<byte> buffer, out int code)
    {
        code = 0;
        var reader = new SequenceReader<byte>(buffer);
        while (reader.TryReadTo(out ReadOnlySpan<byte> line, "\r\n"u8))
        {
            code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
            if (line.Length == 3 || line[3] != '-')
            {
                buffer = reader.UnreadSequence;
                return true;
            }
        }

        return false;
    }

    private ReadResult Wait()
    {
        ReadResult read;
        var spin = default(SpinWait);
        long start = TimeProvider.System.GetTimestamp();
        while (!input.TryRead(out read))
        {
            Spin(ref spin, start);
        }

        return read;
    }

    private static void SpinUntil<T>(Func<T, bool> condition, T state)
    {
        var spin = default(SpinWait);
        long start = TimeProvider.System.GetTimestamp();
        while (!condition(state))
        {
            Spin(ref spin, start);
        }
    }

    private static void Spin(ref SpinWait spin, long start)
    {
        // Never sleeps: a millisecond would be longer than all that is waited for.
        spin.SpinOnce(sleep1Threshold: -1);
        if (TimeProvider.System.GetElapsedTime(start) > Patience)
        {
            throw new TimeoutException("The session neither answered nor ended.");
        }
    }
}
