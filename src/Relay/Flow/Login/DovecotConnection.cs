using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Flow.Login;

/// <summary>
/// One connection to Dovecot's socket for clients of authentication (protocol version 1.1), which carries all exchanges, each under a number of its own. Any thread; the connection is over when <see cref="Closed"/> is.
/// </summary>
internal sealed class DovecotConnection : IDisposable
{
    private static readonly TimeSpan HandshakeLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WriteLimit = TimeSpan.FromSeconds(5);

    /// <summary>It delays the news of a failure by 2 seconds, and may ask a slow database.</summary>
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(20);

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<DovecotReply>> _waiting = new();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly byte[] _received = new byte[4 * DovecotLine.MaximumLength];
    private int _length;
    private uint _lastId;

    private DovecotConnection(TimeProvider time) => _time = time;

    /// <summary>Those it lists, in its order.</summary>
    public List<string> Mechanisms { get; } = [];

    /// <summary>Done when nothing comes any more; never faulted.</summary>
    public Task Closed { get; private set; } = Task.CompletedTask;

    /// <summary>Connects and greets. Throws IOException with the reason.</summary>
    public static async Task<DovecotConnection> OpenAsync(string path, TimeProvider time, CancellationToken stop)
    {
        var connection = new DovecotConnection(time);
        using var limit = new CancellationTokenSource(HandshakeLimit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        try
        {
            await connection._socket.ConnectAsync(new UnixDomainSocketEndPoint(path), both.Token).ConfigureAwait(false);
            // Each connection names itself; the process's number would be the same while an old one goes.
            string hello = string.Create(CultureInfo.InvariantCulture, $"VERSION\t1\t1\nCPID\t{RandomNumberGenerator.GetInt32(int.MaxValue)}\n");
            await connection._socket.SendAsync(Encoding.ASCII.GetBytes(hello), both.Token).ConfigureAwait(false);
            while (await connection.LineAsync(both.Token).ConfigureAwait(false) is { } fields && fields[0] != "DONE")
            {
                if (fields[0] == "VERSION" && (fields.Count < 2 || fields[1] != "1"))
                {
                    throw new IOException("it speaks another version of the protocol than 1");
                }

                if (fields[0] == "MECH" && fields.Count > 1)
                {
                    connection.Mechanisms.Add(fields[1]);
                }
            }

            connection.Closed = connection.ReadAsync();
            return connection;
        }
        catch (Exception e)
        {
            connection.Dispose();
            throw e switch
            {
                SocketException => new IOException(e.Message, e),
                OperationCanceledException => new IOException("it doesn't answer", e),
                _ => e,
            };
        }
    }

    /// <summary>The number of an exchange that begins.</summary>
    public uint NextId() => Interlocked.Increment(ref _lastId);

    /// <summary>Sends a line of an exchange (with its LF) and waits for the answer; null when none comes in time, or the connection is over. One at a time for each exchange.</summary>
    public async ValueTask<DovecotReply?> AskAsync(uint id, ReadOnlyMemory<byte> line, CancellationToken cancel)
    {
        var answer = new TaskCompletionSource<DovecotReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        try
        {
            if (Closed.IsCompleted || !await SendAsync(line, cancel).ConfigureAwait(false))
            {
                return null;
            }

            return await answer.Task.WaitAsync(AnswerLimit, _time, cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return null;
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    /// <summary>False: the connection is over.</summary>
    public async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> line, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(WriteLimit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await _writing.WaitAsync(both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }

        try
        {
            while (line.Length > 0)
            {
                line = line[await _socket.SendAsync(line, both.Token).ConfigureAwait(false)..];
            }

            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Half a line may be there: nothing after it would be understood.
            Dispose();
            return false;
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReadAsync()
    {
        try
        {
            while (await LineAsync(CancellationToken.None).ConfigureAwait(false) is { } fields)
            {
                if (DovecotLine.TryReply(fields, out DovecotReply reply) && _waiting.TryGetValue(reply.Id, out TaskCompletionSource<DovecotReply>? answer))
                {
                    answer.TrySetResult(reply);
                }
            }
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // It is over, whatever it was; who waits is told so, and the next connection says why it can't be.
        }

        Dispose();
        foreach (TaskCompletionSource<DovecotReply> answer in _waiting.Values)
        {
            answer.TrySetCanceled();
        }
    }

    /// <summary>The fields of the next line; null at the end. Throws IOException for a line that is too long.</summary>
    private async ValueTask<IReadOnlyList<string>?> LineAsync(CancellationToken cancel)
    {
        while (true)
        {
            int end = _received.AsSpan(0, _length).IndexOf((byte)'\n');
            if (end >= 0)
            {
                IReadOnlyList<string> fields = DovecotLine.Fields(_received.AsSpan(0, end));
                _received.AsSpan((end + 1).._length).CopyTo(_received);
                _length -= end + 1;
                return fields;
            }

            if (_length == _received.Length)
            {
                throw new IOException("it sends lines without an end");
            }

            int read = await _socket.ReceiveAsync(_received.AsMemory(_length), cancel).ConfigureAwait(false);
            if (read == 0)
            {
                return null;
            }

            _length += read;
        }
    }
}
