using System.IO.Pipelines;
using System.Text;

namespace Relay.Tests.Support;

/// <summary>A client that says what the test says, to the byte.</summary>
internal sealed class TestClient(IDuplexPipe pipe, Task session) : IAsyncDisposable
{
    private readonly StreamReader _reader = new(pipe.Input.AsStream(), Encoding.Latin1);

    public Task Session => session;

    public async Task WriteAsync(string text) => await pipe.Output.WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>The next reply, all its lines joined by "\n"; null when the server has closed.</summary>
    public async Task<string?> ReadAsync()
    {
        var reply = new StringBuilder();
        while (true)
        {
            string? line = await _reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20));
            if (line is null)
            {
                return reply.Length == 0 ? null : reply.ToString();
            }

            reply.Append(reply.Length == 0 ? "" : "\n").Append(line);
            if (line.Length < 4 || line[3] != '-')
            {
                return reply.ToString();
            }
        }
    }

    public async Task<string> ExpectAsync(string start)
    {
        string? reply = await ReadAsync();
        Assert.StartsWith(start, reply ?? "(closed)", StringComparison.Ordinal);
        return reply!;
    }

    public async Task<string> SayAsync(string line, string start)
    {
        await WriteAsync(line + "\r\n");
        return await ExpectAsync(start);
    }

    public async Task ExpectCloseAsync() => Assert.Null(await ReadAsync());

    public async ValueTask DisposeAsync()
    {
        await pipe.Output.CompleteAsync();
        await pipe.Input.CompleteAsync();
    }
}
