using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Flow.Milter;
using Relay.Flow.Send;
using Relay.Protocol.Milter;

namespace Relay.Tests.Support;

/// <summary>
/// A milter in memory behind the dialer seam: writes down what it is told and answers each command as it is told to. A command is its letter and its data with NUL as "|"; macros are "D", the letter of their command and "name=value|". An answer
/// is a letter and its data, as octets.
/// </summary>
internal sealed class ScriptedMilter(string name)
{
    /// <summary>An answer that never comes, on a connection that stays open; or the end of it.</summary>
    public const string Silence = "(silence)";
    public const string Close = "(close)";

    /// <summary>It says for ever that it goes on, as often as <see cref="Time"/> has passed a minute.</summary>
    public const string EndlessProgress = "(progress)";

    private static int s_port = 8891;
    private int _dials;
    private int _stuck;

    public IPEndPoint Address { get; } = new(IPAddress.Parse("127.0.0.9"), Interlocked.Increment(ref s_port));

    public MilterOptions Options => new() { Name = name, Address = Address };

    public uint Version { get; set; } = 6;

    public MilterActions Actions { get; set; } = MilterActions.All;

    public MilterSteps Steps { get; set; }

    /// <summary>What follows the flags in the negotiation.</summary>
    public string Macros { get; set; } = "";

    /// <summary>The packets with which a command is answered; null: "c".</summary>
    public Func<string, string[]?> Answer { get; set; } = static _ => null;

    /// <summary>For <see cref="EndlessProgress"/>.</summary>
    public TimeProvider? Time { get; set; }

    public bool IsDown { get; set; }

    public bool Swallows { get; set; }

    /// <summary>It is what is waited for: silent on a connection that is still open, or with one that doesn't come about. The end of one connection may be heard of when the next one waits already.</summary>
    public bool IsStuck => Volatile.Read(ref _stuck) > 0;

    public ConcurrentQueue<string> Heard { get; } = new();

    public int Dials => Volatile.Read(ref _dials);

    /// <summary>What was heard but for macros, by their letters.</summary>
    public string Letters => string.Concat(Heard.Where(static h => h[0] != 'D').Select(static h => h[0]));

    public async ValueTask<Dialed> DialAsync(CancellationToken cancel)
    {
        Interlocked.Increment(ref _dials);
        if (Swallows)
        {
            Interlocked.Increment(ref _stuck);
            try
            {
                await new TaskCompletionSource().Task.WaitAsync(cancel);
            }
            finally
            {
                Interlocked.Decrement(ref _stuck);
            }
        }

        if (IsDown)
        {
            throw new SocketException((int)SocketError.ConnectionRefused);
        }

        var pipes = new DuplexPipes();
        _ = ServeAsync(pipes.Server);
        return new Dialed(pipes.Client, null, new End(pipes.Client));
    }

    private async Task ServeAsync(IDuplexPipe pipe)
    {
        try
        {
            while (true)
            {
                ReadResult read = await pipe.Input.ReadAsync();
                ReadOnlySequence<byte> buffer = read.Buffer;
                bool any = TryTake(ref buffer, out string command);
                pipe.Input.AdvanceTo(buffer.Start, any ? buffer.Start : buffer.End);
                if (any)
                {
                    Heard.Enqueue(command);
                    if (!await RespondAsync(pipe, command))
                    {
                        return;
                    }
                }
                else if (read.IsCompleted)
                {
                    return;
                }
            }
        }
        finally
        {
            await pipe.Output.CompleteAsync();
            await pipe.Input.CompleteAsync();
        }
    }

    private async Task<bool> RespondAsync(IDuplexPipe pipe, string command)
    {
        if (command[0] is 'D' or 'A' or 'Q')
        {
            return command[0] != 'Q';
        }

        if (Answer(command) is null && (command[0] switch
        {
            'C' => Steps & MilterSteps.NoReplyToConnect,
            'H' => Steps & MilterSteps.NoReplyToHelo,
            'M' => Steps & MilterSteps.NoReplyToMail,
            'R' => Steps & MilterSteps.NoReplyToRcpt,
            'T' => Steps & MilterSteps.NoReplyToData,
            'L' => Steps & MilterSteps.NoReplyToHeader,
            'N' => Steps & MilterSteps.NoReplyToEndOfHeader,
            'B' => Steps & MilterSteps.NoReplyToBody,
            _ => MilterSteps.None,
        }) != MilterSteps.None)
        {
            return true;
        }

        foreach (string answer in Answer(command) ?? [command[0] == 'O' ? Negotiation() : "c"])
        {
            if (answer == Silence)
            {
                Interlocked.Increment(ref _stuck);
                try
                {
                    // Until the other end gives up.
                    ReadResult read;
                    do
                    {
                        read = await pipe.Input.ReadAsync();
                        pipe.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                    }
                    while (!read.IsCompleted);
                }
                finally
                {
                    Interlocked.Decrement(ref _stuck);
                }

                return false;
            }

            if (answer == Close)
            {
                return false;
            }

            if (answer == EndlessProgress)
            {
                Interlocked.Increment(ref _stuck);
                while (!(await pipe.Output.WriteAsync((byte[])[0, 0, 0, 1, (byte)'p'])).IsCompleted)
                {
                    await Task.Delay(TimeSpan.FromMinutes(1), Time!);
                }

                return false;
            }

            byte[] packet = new byte[4 + answer.Length];
            BinaryPrimitives.WriteInt32BigEndian(packet, answer.Length);
            Encoding.Latin1.GetBytes(answer, packet.AsSpan(4));
            // A packet that is none: its octets as they are.
            await pipe.Output.WriteAsync(answer.StartsWith("raw:", StringComparison.Ordinal) ? Encoding.Latin1.GetBytes(answer[4..]) : packet);
        }

        return true;
    }

    private string Negotiation()
    {
        byte[] data = new byte[12];
        BinaryPrimitives.WriteUInt32BigEndian(data, Version);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(4), (uint)Actions);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(8), (uint)Steps);
        return "O" + Encoding.Latin1.GetString(data) + Macros;
    }

    private static bool TryTake(ref ReadOnlySequence<byte> buffer, out string command)
    {
        command = "";
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryReadBigEndian(out int length) || reader.Remaining < length)
        {
            return false;
        }

        command = Encoding.Latin1.GetString(buffer.Slice(4, length));
        buffer = buffer.Slice(4 + length);
        if (command[0] is 'D')
        {
            string[] words = command[2..].Split('\0');
            command = command[..2] + string.Concat(Enumerable.Range(0, words.Length / 2).Select(i => $"{words[2 * i]}={words[(2 * i) + 1]}|"));
        }
        else if (command[0] is not 'O')
        {
            command = command.Replace('\0', '|');
        }

        return true;
    }

    private sealed class End(IDuplexPipe pipe) : IDisposable
    {
        public void Dispose()
        {
            pipe.Output.Complete();
            pipe.Input.Complete();
        }
    }
}
