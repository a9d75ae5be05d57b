namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Postfix's smtp-sink: a receiver that we didn't write. Keeps what it got in one dump file, from which the recipients can be read.</summary>
internal sealed class SmtpSink : IAsyncDisposable
{
    private const string RecipientMark = "X-Rcpt-Args: <";

    private readonly TempFolder _folder = new();
    private readonly ToolProcess _process;
    private readonly string _dump;

    private SmtpSink(string address, int port)
    {
        _dump = Path.Combine(_folder.SharedFolder("dump"), "messages");
        string[] privileges = Environment.IsPrivilegedProcess ? ["-u", "nobody"] : [];
        _process = ToolProcess.Start(Tool.Find("smtp-sink", "postfix"), [.. privileges, "-m", "1000", "-D", _dump, $"{address}:{port}", "1000"]);
    }

    /// <summary>The recipients of all messages that have arrived, one for each copy.</summary>
    public IReadOnlyList<string> Recipients()
    {
        if (!File.Exists(_dump))
        {
            return [];
        }

        using var file = new FileStream(_dump, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        var recipients = new List<string>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith(RecipientMark, StringComparison.Ordinal))
            {
                recipients.Add(line[RecipientMark.Length..].TrimEnd('>'));
            }
        }

        return recipients;
    }

    public static async Task<SmtpSink> StartAsync(string address, int port)
    {
        var sink = new SmtpSink(address, port);
        await Eventually.True(() => Listening.On(address, port) || sink._process.HasExited, $"smtp-sink listens on {address}:{port}");
        Assert.False(sink._process.HasExited, sink._process.Transcript);
        return sink;
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Dispose();
    }
}
