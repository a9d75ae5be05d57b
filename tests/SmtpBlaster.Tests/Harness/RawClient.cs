using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpBlaster.Tests.Harness;

/// <summary>A client that says what a test wants, in the pieces it wants. Every wait ends after ten seconds.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(10), TimeProvider.System);
    private StreamReader? _reader;

    public static async Task<RawClient> ConnectAsync(IPEndPoint server)
    {
        var client = new RawClient();
        try
        {
            await client._client.ConnectAsync(server, client._limit.Token);
            client._reader = new StreamReader(client._client.GetStream(), Encoding.Latin1);
        }
        catch (SocketException)
        {
            // Reset before it was there: nothing will be read.
        }

        return client;
    }

    public async Task SendAsync(string text) => await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text), _limit.Token);

    /// <summary>Null: the server has closed the connection.</summary>
    public async Task<string?> LineAsync()
    {
        try
        {
            return _reader is null ? null : await _reader.ReadLineAsync(_limit.Token);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>The last line of a reply.</summary>
    public async Task<string?> ReplyAsync()
    {
        string? line = await LineAsync();
        while (line is [_, _, _, '-', ..])
        {
            line = await LineAsync();
        }

        return line;
    }

    public async Task<string?> AskAsync(string command)
    {
        await SendAsync(command + "\r\n");
        return await ReplyAsync();
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _limit.Dispose();
        return ValueTask.CompletedTask;
    }
}
