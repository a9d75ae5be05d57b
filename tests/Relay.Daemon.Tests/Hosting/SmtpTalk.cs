using System.Net;
using System.Net.Sockets;

namespace Relay.Daemon.Tests.Hosting;

/// <summary>A client that says lines and reads lines.</summary>
internal sealed class SmtpTalk : IDisposable
{
    private readonly TcpClient _client = new();
    private StreamReader? _reader;

    public static async Task<SmtpTalk> ConnectAsync(IPEndPoint server)
    {
        var talk = new SmtpTalk();
        await talk._client.ConnectAsync(server);
        talk._reader = new StreamReader(talk._client.GetStream());
        return talk;
    }

    public Task WriteAsync(string text) => _client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(text)).AsTask();

    /// <summary>Null at the end.</summary>
    public async Task<string?> ReadLineAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return await _reader!.ReadLineAsync(limit.Token);
    }

    public void Dispose()
    {
        _reader?.Dispose();
        _client.Dispose();
    }
}
