using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>What follows a STARTTLS, by Python's ssl: it shows the whole chain that it is given, the root too, which .NET's server leaves away. Takes mail.</summary>
internal sealed class PythonTlsServer : IAsyncDisposable
{
    private const string Script = """
        import socket, ssl, sys, threading
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
        listener = socket.create_server(("127.0.0.1", 0))
        print("port", listener.getsockname()[1], flush=True)
        def serve(connection):
            try:
                tls = context.wrap_socket(connection, server_side=True)
                lines = tls.makefile("rb")
                data = False
                for line in lines:
                    if data and line != b".\r\n":
                        continue
                    data = line.upper().startswith(b"DATA")
                    tls.sendall(b"354 go\r\n" if data else b"250 ok\r\n")
            except OSError:
                pass
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """;

    private readonly TempFolder _folder = new();
    private readonly List<ToolProcess> _servers = [];

    public async Task<IPEndPoint> StartAsync(X509Certificate2 leaf, IEnumerable<X509Certificate2> shown)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{_servers.Count}.pem");
        _folder.Write(name, string.Join('\n', [leaf.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem(), leaf.ExportCertificatePem(), .. shown.Select(static c => c.ExportCertificatePem())]));
        ToolProcess server = ToolProcess.Start(Tool.Find("python3", "python3"), ["-c", Script, _folder.File(name)]);
        _servers.Add(server);
        string line = await server.LineAsync(static l => l.StartsWith("port ", StringComparison.Ordinal), "its port");
        return new IPEndPoint(IPAddress.Loopback, int.Parse(line["port ".Length..], CultureInfo.InvariantCulture));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ToolProcess server in _servers)
        {
            await server.DisposeAsync();
        }

        _folder.Dispose();
    }
}
