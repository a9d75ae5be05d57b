using System.Globalization;
using System.Net.Sockets;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Cases of the session that hang on real sockets and the real TLS library: clients that leave at once, old versions of TLS, names in the handshake.</summary>
public sealed class ConformanceTests
{
    /// <summary>As many connections of an odd kind, of which nothing may be left.</summary>
    private const int Connections = 2000;

    /// <summary>What the runtime may come to hold of its own accord meanwhile.</summary>
    private const int Slack = 20;

    private const int MemorySlack = 64 * 1024 * 1024;

    /// <summary>A record that holds the beginning of a ClientHello of TLS 1.2.</summary>
    private static readonly byte[] HalfHello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03];

    /// <summary>A12.</summary>
    [Fact]
    public async Task Two_thousand_connections_that_end_as_they_begin_leave_no_descriptor_and_no_line_in_the_log()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());
        int files = Files(relay);
        int lines = relay.Errors.Count;

        await VisitAsync(relay, Connections, static _ => { });

        await Eventually.True(() => Files(relay) <= files + Slack, "the descriptors are closed");
        await GreetsAsync(relay);
        Figure.Report($"A12, {Connections} connections: {files} descriptors before, {Files(relay)} after, {relay.Errors.Count - lines} log lines");
        Assert.InRange(relay.Errors.Count - lines, 0, 5);
    }

    /// <summary>H17.</summary>
    [Fact]
    public async Task Two_thousand_handshakes_that_end_in_the_ClientHello_leave_no_descriptor_and_no_memory()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Listeners = ["implicit"] });
        int files = Files(relay);
        await VisitAsync(relay, Connections / 2, static socket => socket.Send(HalfHello));
        long memory = relay.PeakMemory;

        await VisitAsync(relay, Connections, static socket => socket.Send(HalfHello));

        await Eventually.True(() => Files(relay) <= files + Slack, "the descriptors are closed");
        await using ToolProcess openssl = await HandshakeAsync(relay, "-tls1_3");
        Assert.Contains(openssl.Output, static line => line.StartsWith("220 ", StringComparison.Ordinal));
        Figure.Report($"H17, {Connections} half handshakes: {(relay.PeakMemory - memory) / 1024} KiB more at the peak, {Files(relay) - files} descriptors more");
        Assert.InRange(relay.PeakMemory - memory, 0, MemorySlack);
    }

    /// <summary>H15: the client is told to allow what its library would not.</summary>
    [Theory]
    [InlineData("-tls1", "-cipher", "ALL:@SECLEVEL=0")]
    [InlineData("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")]
    [InlineData("-tls1_2", "-cipher", "NULL:aNULL:RC4:3DES:@SECLEVEL=0")]
    public async Task Old_versions_of_TLS_and_ciphers_that_hide_nothing_are_refused(params string[] options)
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Listeners = ["implicit", "starttls"] });
        foreach (bool startTls in (bool[])[false, true])
        {
            await using ToolProcess refused = await HandshakeAsync(relay, [.. options, .. StartTls(startTls)], listener: startTls ? 1 : 0);
            Assert.NotEqual(0, refused.ExitCode);
            Assert.Contains("alert", refused.Transcript, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(refused.Output, static line => line.StartsWith("221 ", StringComparison.Ordinal));
            await using ToolProcess taken = await HandshakeAsync(relay, ["-tls1_2", .. StartTls(startTls)], listener: startTls ? 1 : 0);
            Assert.True(taken.ExitCode == 0, taken.Transcript);
        }
    }

    /// <summary>H16, CVE-2019-15846: whatever name the client asks for, it is shown the certificate there is, and the relay lives on.</summary>
    [Fact]
    public async Task Whatever_name_the_handshake_asks_for_the_certificate_is_the_one_there_is()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings { Listeners = ["implicit"] });
        string[] names = ["relay.test", "unknown.example", string.Join('.', Enumerable.Repeat(new string('a', 63), 4))[..255], "x\\", "\u00fcml\u00e4ut.example", "a..b", "${run{id}}.example", "127.0.0.1"];
        string[][] requests = [["-noservername"], .. names.Select(static name => (string[])["-servername", name])];
        foreach (string[] request in requests)
        {
            await using ToolProcess openssl = await HandshakeAsync(relay, [.. request]);
            Assert.True(openssl.ExitCode == 0, $"{string.Join(' ', request)}: {openssl.Transcript}");
            Assert.Contains(openssl.Output, static line => line.StartsWith("221 ", StringComparison.Ordinal));
            Assert.Contains("CN = relay.test", openssl.Transcript.Replace("CN=", "CN = ", StringComparison.Ordinal), StringComparison.Ordinal);
        }

        Assert.False(relay.HasExited);
    }

    private static string[] StartTls(bool wanted) => wanted ? ["-starttls", "smtp"] : [];

    /// <summary>One handshake, EHLO and QUIT.</summary>
    private static Task<ToolProcess> HandshakeAsync(RelayProcess relay, params string[] options) => HandshakeAsync(relay, options, listener: 0);

    private static Task<ToolProcess> HandshakeAsync(RelayProcess relay, string[] options, int listener)
    {
        string to = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{relay.Listeners[listener].Port}");
        return ToolProcess.RunAsync(Tool.Find("openssl", "openssl"), ["s_client", "-crlf", "-ign_eof", .. options, "-connect", to], input: "EHLO client.test\nQUIT\n");
    }

    private static async Task VisitAsync(RelayProcess relay, int times, Action<Socket> say)
    {
        for (int i = 0; i < times; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(relay.Listener, TestContext.Current.CancellationToken);
            say(socket);
            socket.Shutdown(SocketShutdown.Send);
        }
    }

    private static async Task GreetsAsync(RelayProcess relay)
    {
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
    }

    private static int Files(RelayProcess relay) => Directory.GetFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/{relay.Id}/fd")).Length;
}
