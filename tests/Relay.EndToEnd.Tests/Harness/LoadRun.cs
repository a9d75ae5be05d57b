using System.Net;
using System.Text.Json;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// The project's own load tool between whose source and sink the relay stands (`smtp-blaster run`): fast, small, and with a ledger of two octets for each recipient. It goes on over the relay's kills. Disposing ends it.
/// </summary>
internal sealed class LoadRun : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ToolProcess _process;

    private LoadRun(IPEndPoint relay, IPEndPoint sink, string[] options)
    {
        string program = Path.Combine(RelayProcess.RepositoryRoot(), "loadtest/SmtpBlaster/bin/Release/net10.0/smtp-blaster.dll");
        _process = ToolProcess.Start("dotnet", [program, "run", "--target", relay.ToString(), "--sink", sink.ToString(), "--json", _folder.File("report.json"), .. options]);
    }

    public bool HasExited => _process.HasExited;

    public string Transcript => _process.Transcript;

    /// <summary>Without a command for a relay: this one runs already.</summary>
    public static LoadRun Start(IPEndPoint relay, IPEndPoint sink, params string[] options) => new(relay, sink, options);

    /// <summary>Waits until all that was acknowledged has arrived, or nothing comes any more. The report, as loadtest/README.md describes it.</summary>
    public async Task<JsonElement> EndAsync(TimeSpan within)
    {
        await _process.ExitAsync(within);
        Assert.True(File.Exists(_folder.File("report.json")), _process.Transcript);
        using JsonDocument report = JsonDocument.Parse(await File.ReadAllTextAsync(_folder.File("report.json")));
        return report.RootElement.Clone();
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Dispose();
    }
}
