using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.Daemon.Tests.Probe;

/// <summary>
/// A server that answers what the test says: a reply without its CRLF, "" for silence, null to close. What the test leaves out (<see cref="Usual"/>) is a closed relay's. Any number of connections; disposing ends them.
/// </summary>
internal sealed class SmtpDouble : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string, string?> _answer;
    private readonly string _greeting;
    private readonly ConcurrentQueue<string> _commands = new();
    private readonly ConcurrentBag<Task> _sessions = [];
    private readonly Task _accepting;
    private int _connections;

    public SmtpDouble(Func<string, string?> answer, string greeting = "220 mx.double.test ESMTP")
    {
        _answer = answer;
        _greeting = greeting;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public int Connections => _connections;

    public IReadOnlyList<string> Commands => [.. _commands];

    public static string? Usual(string command) => command.Split(' ', ':')[0].ToUpperInvariant() switch
    {
        "EHLO" or "HELO" => "250 mx.double.test",
        "MAIL" or "RSET" => "250 2.0.0 OK",
        "RCPT" => "550 5.7.1 no relaying",
        "QUIT" => "221 2.0.0 bye",
        _ => "500 5.5.1 what?",
    };

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        await Task.WhenAll(_sessions);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                _sessions.Add(ServeAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
                await SayAsync(client, _greeting);
                while (await reader.ReadLineAsync(_stop.Token) is { } command)
                {
                    _commands.Enqueue(command);
                    if (_answer(command) is not { } reply)
                    {
                        return;
                    }

                    if (reply.Length > 0)
                    {
                        await SayAsync(client, reply);
                    }

                    if (command == "QUIT" || reply.StartsWith("421", StringComparison.Ordinal))
                    {
                        return;
                    }
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                // The probe has left, or the test is over.
            }
        }
    }

    private Task SayAsync(TcpClient client, string line) => client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), _stop.Token).AsTask();
}
