namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// unbound, validating: .test is a zone signed with ldns, .plain one that nobody signed; it knows nothing else of the world. What stands behind <see cref="Bogus"/> was changed after the signing.
/// </summary>
internal sealed class SignedDns : IAsyncDisposable
{
    /// <summary>In data of a record: it is signed with these octets and served with others.</summary>
    public const string Bogus = "b06b06b06b06b06b";

    private const string Address = "127.0.0.1";

    private readonly TempFolder _folder = new();
    private ToolProcess? _process;

    private SignedDns(int port) => EndPoint = $"{Address}:{port}";

    /// <summary>As [dns] servers wants it.</summary>
    public string EndPoint { get; }

    /// <summary>Serves lines of zone files; names are below .test and .plain, whole and with their dot.</summary>
    public static async Task<SignedDns> StartAsync(IEnumerable<string> signed, IEnumerable<string>? plain = null)
    {
        int port = FreePort.On(Address);
        var dns = new SignedDns(port);
        try
        {
            await dns.SignAsync(signed);
            dns._folder.Write("plain.zone", Zone("plain", plain ?? []));
            dns._folder.Write("unbound.conf", $"""
                server:
                  interface: {Address}@{port}
                  do-daemonize: no
                  username: ""
                  chroot: ""
                  directory: "{dns._folder.Path}"
                  pidfile: "{dns._folder.File("pid")}"
                  use-syslog: no
                  num-threads: 1
                  module-config: "validator iterator"
                  trust-anchor-file: "{dns._folder.File("anchor")}"
                  do-not-query-localhost: no
                  root-hints: ""
                  local-zone: "test." nodefault
                  local-zone: "." transparent
                remote-control:
                  control-enable: no
                auth-zone:
                  name: "test."
                  zonefile: "{dns._folder.File("test.signed")}"
                  for-upstream: yes
                  for-downstream: no
                auth-zone:
                  name: "plain."
                  zonefile: "{dns._folder.File("plain.zone")}"
                  for-upstream: yes
                  for-downstream: no

                """);
            dns._process = ToolProcess.Start(Tool.Find("unbound", "unbound"), ["-d", "-c", dns._folder.File("unbound.conf")]);
            await dns._process.LineAsync(line => line.Contains("start of service", StringComparison.Ordinal), "its start");
            return dns;
        }
        catch
        {
            await dns.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder.Dispose();
    }

    private static string Zone(string name, IEnumerable<string> records) =>
        $"$TTL 300\n{name}. IN SOA ns.{name}. root.{name}. 1 3600 600 86400 60\n{name}. IN NS ns.{name}.\nns.{name}. IN A 127.0.0.1\n{string.Join('\n', records)}\n";

    private async Task SignAsync(IEnumerable<string> records)
    {
        _folder.Write("test.zone", Zone("test", records));
        await using ToolProcess keygen = await ToolProcess.RunAsync(Tool.Find("ldns-keygen", "ldnsutils"), ["-a", "ECDSAP256SHA256", "-k", "test"], folder: _folder.Path);
        string key = keygen.Output.Single(static l => l.StartsWith("Ktest.", StringComparison.Ordinal));
        await using ToolProcess sign = await ToolProcess.RunAsync(Tool.Find("ldns-signzone", "ldnsutils"), ["-f", "test.signed", "test.zone", key], folder: _folder.Path);
        Assert.True(sign.ExitCode == 0, sign.Transcript);
        File.Copy(_folder.File(key + ".key"), _folder.File("anchor"));
        string signed = await File.ReadAllTextAsync(_folder.File("test.signed"));
        _folder.Write("test.signed", signed.Replace(Bogus, "b06b06b06b06b06c", StringComparison.OrdinalIgnoreCase));
    }
}
