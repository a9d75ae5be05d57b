namespace Relay.EndToEnd.Tests.Harness;

/// <summary>dnsmasq, authoritative for .test and ignorant of the rest of the world.</summary>
internal sealed class DnsServer : IAsyncDisposable
{
    private const string Address = "127.0.0.1";

    private readonly TempFolder _folder = new();
    private readonly ToolProcess _process;

    private DnsServer(int port, IEnumerable<string> records)
    {
        EndPoint = $"{Address}:{port}";
        _process = ToolProcess.Start(
            Tool.Find("dnsmasq", "dnsmasq-base"),
            [
                "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-", $"--pid-file={_folder.File("pid")}", "--user=",
                "--no-resolv", "--no-hosts", "--local=/test/", $"--port={port}", $"--listen-address={Address}", "--bind-interfaces", .. records,
            ]);
    }

    /// <summary>As [dns] servers wants it.</summary>
    public string EndPoint { get; }

    /// <summary>Serves the MX and address records of the given mail exchangers.</summary>
    public static Task<DnsServer> StartAsync(params (string Domain, int Preference, string Host, string Address)[] exchanges) =>
        StartWithAsync([.. exchanges.Select(mx => $"--mx-host={mx.Domain},{mx.Host},{mx.Preference}"), .. exchanges.Select(mx => $"--host-record={mx.Host},{mx.Address}").Distinct()]);

    /// <summary>Serves the records that dnsmasq is told of in its own words.</summary>
    public static async Task<DnsServer> StartWithAsync(params string[] records)
    {
        var server = new DnsServer(FreePort.On(Address), records);
        await server._process.LineAsync(line => line.Contains("started, version", StringComparison.Ordinal), "its start");
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _folder.Dispose();
    }
}
