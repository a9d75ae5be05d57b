using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A session of somebody who is up to no good, or whose program is broken: what it sends, in pieces, and how it ends.</summary>
internal sealed record HostileSession(string Name, IReadOnlyList<string> Pieces)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);

    private const string Transaction = "EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@ours.test>\r\nDATA\r\n";

    /// <summary>In TLS from the start.</summary>
    public bool InTls { get; private init; }

    /// <summary>Sends its first piece before the greeting is there.</summary>
    public bool IsEarly { get; private init; }

    /// <summary>Is gone when it has sent all, instead of waiting for what comes.</summary>
    public bool Vanishes { get; private init; }

    /// <summary>One of each kind. Nothing of them is for a mailbox that exists, but for what goes to user@ours.test as "trick 0": what is behind a look-alike end of data.</summary>
    public static IReadOnlyList<HostileSession> All { get; } =
    [
        new("connects and goes", []) { Vanishes = true },
        new("connects and waits for nothing", ["QUIT\r\n"]),
        new("early talker", ["EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@to.test>\r\nDATA\r\n"]) { IsEarly = true },
        new("web browser", ["GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n"]) { IsEarly = true },
        new("web browser that posts mail", ["POST / HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 99\r\n\r\nEHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@to.test>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"]),
        new("relays", ["EHLO evil.test\r\n", .. Tricks("user@to.test", "user%to.test@ours.test", "@ours.test:user@to.test", "\"user@to.test\"@ours.test", "user@[127.0.0.1]", "to.test!user@ours.test"), "QUIT\r\n"]),
        new("harvests", ["EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\n", string.Concat(Enumerable.Range(0, 60).Select(static i => $"RCPT TO:<name{i}@ours.test>\r\n")), "QUIT\r\n"]),
        new("verifies", ["EHLO evil.test\r\n", string.Concat(Enumerable.Range(0, 60).Select(static i => $"VRFY name{i}\r\nEXPN list{i}\r\n")), "QUIT\r\n"]),
        new("junk commands", ["EHLO evil.test\r\n", string.Concat(Enumerable.Repeat("FOO bar\r\n", 200))]),
        new("idle commands", ["EHLO evil.test\r\n", string.Concat(Enumerable.Repeat("NOOP\r\nRSET\r\n", 300))]),
        new("endless line", ["EHLO evil.test\r\n", new string('A', 400_000)]),
        new("binary", ["\0\u0001\u0002\u00ff\u00fe\r\n\u0080\r\n\0\0\0\r\n"]),
        new("bare line feeds", ["EHLO evil.test\nMAIL FROM:<a@evil.test>\nRCPT TO:<user@to.test>\nDATA\n"]),
        .. new[] { "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r\n\0.\r\n" }.Select(static end => new HostileSession(
            "smuggles", [Transaction, $"Subject: trick 0\r\n\r\nx{end}MAIL FROM:<b@evil.test>\r\nRCPT TO:<smuggled@ours.test>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n", ".\r\nQUIT\r\n"])),
        new("vanishes in DATA", [Transaction, "Subject: half\r\n\r\nhalf a li"]) { Vanishes = true },
        new("vanishes in BDAT", ["EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@ours.test>\r\nBDAT 100000 LAST\r\nSubject: half"]) { Vanishes = true },
        new("lies about BDAT", ["EHLO evil.test\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@ours.test>\r\nBDAT 5\r\nabcdeBDAT 18446744073709551617 LAST\r\nMAIL FROM:<b@evil.test>\r\n"]),
        new("header bomb", [Transaction, string.Concat(Enumerable.Range(0, 5000).Select(static i => $"X-Field-{i}: x\r\n")) + "\r\n.\r\nQUIT\r\n"]),
        new("loops", [Transaction, string.Concat(Enumerable.Repeat("Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n", 200)) + "\r\n.\r\nQUIT\r\n"]),
        new("parameters", ["EHLO evil.test\r\nMAIL FROM:<a@evil.test> SIZE=99999999999999999999\r\nMAIL FROM:<a@evil.test> AUTH=<\r\nMAIL FROM:<a@evil.test> ENVID=" + new string('x', 900) + "\r\nQUIT\r\n"]),
        new("passwords in clear", ["EHLO evil.test\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nAUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\nQUIT\r\n"]),
        new("proxy that isn't one", ["PROXY TCP4 127.0.0.99 127.0.0.1 1 25\r\nEHLO evil.test\r\nXCLIENT ADDR=127.0.0.99\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@to.test>\r\nQUIT\r\n"]),
        new("STARTTLS with more behind it", ["EHLO evil.test\r\nSTARTTLS\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@to.test>\r\nDATA\r\n"]),
        new("STARTTLS and rubbish", ["EHLO evil.test\r\nSTARTTLS\r\n", "\u0016\u0003\u0001\u0002\0" + new string('\u0007', 600)]),
        new("STARTTLS and nothing", ["EHLO evil.test\r\nSTARTTLS\r\n"]) { Vanishes = true },
        new("guesses", ["EHLO evil.test\r\n", .. Enumerable.Range(0, 5).Select(static i => "AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"\0alice\0guess{i}")) + "\r\n"), "QUIT\r\n"]) { InTls = true },
        new("relays in TLS", ["EHLO evil.test\r\n", .. Tricks("user@to.test", "user%to.test@ours.test"), "QUIT\r\n"]) { InTls = true },
        new("XCLIENT and more in TLS", ["EHLO evil.test\r\nXCLIENT ADDR=127.0.0.99 LOGIN=alice\r\nMAIL FROM:<a@evil.test>\r\nRCPT TO:<user@to.test>\r\nQUIT\r\n"]) { InTls = true },
    ];

    /// <summary>Plays it from this address to its end. Whatever becomes of it is an answer: only that there is an end is asked for.</summary>
    public async Task PlayAsync(IPEndPoint server, IPAddress from, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Limit);
        using var client = new TcpClient(new IPEndPoint(from, 0)) { NoDelay = true };
        try
        {
            await client.ConnectAsync(server, limit.Token);
            await using Stream stream = await OpenAsync(client, limit.Token);
            byte[] buffer = new byte[16 * 1024];
            bool isFirst = true;
            foreach (string piece in Pieces)
            {
                if ((!isFirst || !IsEarly) && await stream.ReadAsync(buffer, limit.Token) == 0)
                {
                    return;
                }

                isFirst = false;
                await stream.WriteAsync(Encoding.Latin1.GetBytes(piece), limit.Token);
            }

            while (!Vanishes && await stream.ReadAsync(buffer, limit.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            // Shown out, or left waiting: both are theirs.
        }
    }

    private async Task<Stream> OpenAsync(TcpClient client, CancellationToken cancel)
    {
        NetworkStream clear = client.GetStream();
        if (!InTls)
        {
            return clear;
        }

        byte[] buffer = new byte[4096];
        foreach (string command in (string[])["EHLO evil.test\r\n", "STARTTLS\r\n"])
        {
            if (await clear.ReadAsync(buffer, cancel) == 0)
            {
                throw new IOException("closed before TLS");
            }

            await clear.WriteAsync(Encoding.ASCII.GetBytes(command), cancel);
        }

        if (await clear.ReadAsync(buffer, cancel) == 0)
        {
            throw new IOException("closed before TLS");
        }

        var tls = new SslStream(clear, leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "relay.test", RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null }, cancel);
        // The first piece is sent without waiting for anything: what would be waited for has been read.
        await tls.WriteAsync("NOOP\r\n"u8.ToArray(), cancel);
        return tls;
    }

    private static IEnumerable<string> Tricks(params string[] paths) => paths.Select(static path => $"MAIL FROM:<a@evil.test>\r\nRCPT TO:<{path}>\r\nDATA\r\nRSET\r\n");
}
