using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A next hop that does as its script says and keeps an exact record of what it answered 250 to, recorded before the 250 is sent: what the relay may forget is here.
/// Members are safe on any thread; disposing ends all sessions.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly ServerScript _script;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _sessions = new();
    private readonly ConcurrentQueue<ArrivedMessage> _messages = new();
    private readonly ConcurrentQueue<string> _commands = new();
    private readonly Task _accepting;

    private ScriptedServer(string address, int port, ServerScript script)
    {
        Address = address;
        _script = script;
        _listener = new TcpListener(IPAddress.Parse(address), port);
        _listener.Start(1000);
        _accepting = AcceptAsync();
    }

    public string Address { get; }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>A smtp:// URI, as [[route]] wants it.</summary>
    public string Url => $"smtp://{Address}:{Port}";

    public IReadOnlyList<ArrivedMessage> Messages => [.. _messages];

    public int Count => _messages.Count;

    /// <summary>All command lines of all sessions.</summary>
    public IReadOnlyList<string> Commands => [.. _commands];

    public static ScriptedServer Start(ServerScript? script = null, string address = "127.0.0.1", int port = 0) => new(address, port, script ?? new ServerScript());

    public Task<ArrivedMessage> MessageAsync(Func<ArrivedMessage, bool> wanted, string what, TimeSpan? within = null) => Eventually.Value(
        () => _messages.FirstOrDefault(wanted),
        () => $"{what} at {Url}\n{string.Join('\n', _commands.TakeLast(20))}",
        within);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
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
                Socket socket = await _listener.AcceptSocketAsync(_stop.Token);
                socket.NoDelay = true;
                Task session = Task.Run(() => ServeAsync(socket), CancellationToken.None);
                _sessions.TryAdd(session, true);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The listener was stopped.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        await using var session = new ScriptedSession(stream, _script, _commands.Enqueue, _messages.Enqueue);
        try
        {
            await session.RunAsync(_stop.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or System.Security.Authentication.AuthenticationException)
        {
            // The peer went away (a killed relay does) or the server was stopped: what was not answered 250 was not recorded.
            _commands.Enqueue($"({e.GetType().Name}: {e.Message})");
        }
    }
}
