using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A web server for MTA-STS policies: a script answers each request, by the name it was asked under. Members are safe on any thread.</summary>
internal sealed class PolicyServer : IAsyncDisposable
{
    private readonly SessionListener _listener;
    private readonly Func<string, X509Certificate2> _certificateFor;
    private readonly Func<string, string?> _answer;
    private readonly ConcurrentQueue<byte[]> _posted = new();

    /// <summary><paramref name="answer"/> gives the whole response to a request for a host, or null to leave it open.</summary>
    public PolicyServer(Func<string, X509Certificate2> certificateFor, Func<string, string?> answer)
    {
        _certificateFor = certificateFor;
        _answer = answer;
        _listener = new SessionListener(new IPEndPoint(IPAddress.Loopback, 0), ServeAsync);
    }

    public int Port => _listener.Port;

    /// <summary>The bodies that came with requests.</summary>
    public IReadOnlyList<byte[]> Posted => [.. _posted];

    /// <summary>A response of 200 with a policy.</summary>
    public static string Policy(string mode, string mx, string type = "text/plain", int padding = 0) =>
        Response("200 OK", $"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n{(padding > 0 ? $"more: {new string('x', padding)}\n" : "")}", $"Content-Type: {type}\r\n");

    public static string Response(string status, string body = "", string headers = "") => $"HTTP/1.1 {status}\r\n{headers}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}";

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    private async Task ServeAsync(Stream stream, CancellationToken stop)
    {
        await using var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateSelectionCallback = (_, host) => _certificateFor(host!) }, stop);
        var lines = new LineStream(tls);
        string host = "";
        int length = 0;
        while (await lines.ReadLineAsync(stop) is { Length: > 0 } line)
        {
            string[] field = Encoding.ASCII.GetString(line.Span).Split(": ", 2);
            host = field[0].Equals("Host", StringComparison.OrdinalIgnoreCase) ? field[1].Split(':')[0] : host;
            length = field[0].Equals("Content-Length", StringComparison.OrdinalIgnoreCase) ? int.Parse(field[1], System.Globalization.CultureInfo.InvariantCulture) : length;
        }

        if (host.Length == 0)
        {
            // It didn't like the certificate.
            return;
        }

        if (length > 0)
        {
            _posted.Enqueue(await lines.ReadExactlyAsync(length, stop));
        }

        if (_answer(host) is { } answer)
        {
            await lines.WriteAsync(answer, stop);
            await tls.ShutdownAsync();
        }
        else
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
        }
    }
}
