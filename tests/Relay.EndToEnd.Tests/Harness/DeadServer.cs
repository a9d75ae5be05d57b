using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A mail server that is dead in one of many ways. Disposing ends it.</summary>
internal sealed class DeadServer : IAsyncDisposable
{
    private readonly TcpListener? _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _sessions = new();
    private readonly Task _accepting = Task.CompletedTask;
    private readonly Death _death;

    private DeadServer(string address, int port, Death death)
    {
        _death = death;
        if (death == Death.Refuses)
        {
            return;
        }

        _listener = new TcpListener(IPAddress.Parse(address), port);
        _listener.Start(death == Death.NeverAccepts ? 1 : 200);
        _accepting = death == Death.NeverAccepts ? Task.CompletedTask : AcceptAsync();
    }

    public enum Death
    {
        /// <summary>Nothing listens.</summary>
        Refuses,

        /// <summary>The connection comes about, or not even that, and nobody takes it.</summary>
        NeverAccepts,
        NeverGreets,
        ClosesAtOnce,

        /// <summary>421 for a greeting.</summary>
        SendsAway,

        /// <summary>554 for a greeting.</summary>
        RefusesService,
        ClosesAfterEhlo,
        SilentAfterMail,

        /// <summary>451 to every recipient.</summary>
        DefersAll,

        /// <summary>421 to the end of DATA.</summary>
        Drops,
    }

    public static DeadServer Start(string address, int port, Death death) => new(address, port, death);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener?.Stop();
        await _accepting;
        await Task.WhenAll(_sessions.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket socket = await _listener!.AcceptSocketAsync(_stop.Token);
                _sessions.TryAdd(Task.Run(() => ServeAsync(socket), CancellationToken.None), true);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { NewLine = "\r\n", AutoFlush = true };
        try
        {
            string greeting = _death switch
            {
                Death.SendsAway => "421 4.3.2 not now",
                Death.RefusesService => "554 5.3.2 no mail here",
                _ => "220 dead ESMTP",
            };
            if (_death == Death.NeverGreets)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stop.Token);
            }

            if (_death == Death.ClosesAtOnce)
            {
                return;
            }

            await writer.WriteLineAsync(greeting.AsMemory(), _stop.Token);
            while (greeting[0] == '2' && await reader.ReadLineAsync(_stop.Token) is { } line)
            {
                string? reply = line[..Math.Min(4, line.Length)].ToUpperInvariant() switch
                {
                    "EHLO" => "250 dead",
                    "MAIL" when _death == Death.ClosesAfterEhlo => null,
                    "MAIL" when _death == Death.SilentAfterMail => "",
                    "RCPT" when _death == Death.DefersAll => "451 4.3.0 later",
                    "DATA" when _death == Death.Drops => "354 go on",
                    "QUIT" => "221 bye",
                    _ => "250 ok",
                };
                if (reply is null)
                {
                    return;
                }

                if (reply.Length == 0)
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stop.Token);
                }

                if (reply.StartsWith("354", StringComparison.Ordinal))
                {
                    await writer.WriteLineAsync(reply.AsMemory(), _stop.Token);
                    while (await reader.ReadLineAsync(_stop.Token) is not (null or "."))
                    {
                    }

                    reply = "421 4.3.2 gone";
                }

                await writer.WriteLineAsync(reply.AsMemory(), _stop.Token);
                if (reply.StartsWith("421", StringComparison.Ordinal) || reply.StartsWith("221", StringComparison.Ordinal))
                {
                    return;
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
        {
            // The relay gave up, or the test is over.
        }
    }
}
