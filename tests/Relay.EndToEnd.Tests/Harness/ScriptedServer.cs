using System.Collections.Concurrent;
using System.Net;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A next hop that does as its script says and keeps an exact record of what it answered 250 to, recorded before the 250 is sent: what the relay may forget is here.
/// Members are safe on any thread; disposing ends all sessions.
/// </summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly SessionListener _listener;
    private readonly ServerScript _script;
    private readonly ConcurrentQueue<ArrivedMessage> _messages = new();
    private readonly ConcurrentQueue<string> _commands = new();

    private ScriptedServer(string address, int port, ServerScript script)
    {
        Address = address;
        _script = script;
        // The peer went away (a killed relay does) or the server was stopped: what was not answered 250 was not recorded.
        _listener = new SessionListener(new IPEndPoint(IPAddress.Parse(address), port), ServeAsync, e => _commands.Enqueue($"({e.GetType().Name}: {e.Message})"));
    }

    public string Address { get; }

    public int Port => _listener.Port;

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

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(Stream stream, CancellationToken stop)
    {
        await using var session = new ScriptedSession(stream, _script, _commands.Enqueue, _messages.Enqueue);
        await session.RunAsync(stop);
    }
}
