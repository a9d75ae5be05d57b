using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A private Exim. It offers CHUNKING, PIPELINING, 8BITMIME and SMTPUTF8.</summary>
internal sealed class EximInstance : INextHop
{
    /// <summary>Set-uid root, as it wants to be: in its namespace only.</summary>
    private const string Program = "/usr/libexec/exim4";

    private readonly UnpackedPeer _peer;

    private EximInstance(UnpackedPeer peer, string address, int port)
    {
        _peer = peer;
        Address = address;
        Port = port;
    }

    public string Address { get; }

    public int Port { get; }

    public string Domain => "exim.test";

    public string Mailbox => _peer.Mailbox;

    public string Log => string.Concat(Directory.GetFiles(_peer.Folder.File("log")).Order(StringComparer.Ordinal).Select(File.ReadAllText));

    public static async Task<EximInstance> StartAsync(string address, int port)
    {
        var exim = new EximInstance(await UnpackedPeer.CreateAsync("exim4-daemon-light"), address, port);
        await exim.StartAsync();
        return exim;
    }

    public ValueTask DisposeAsync() => _peer.DisposeAsync();

    private async Task StartAsync()
    {
        TempFolder folder = _peer.Folder;
        using X509Certificate2 certificate = SelfSigned.Create("mx.exim.test");
        string pem = folder.Write("tls.pem", certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() + "\n" + certificate.ExportCertificatePem());
        string configuration = folder.Write("exim4.conf", $"""
            exim_path = {Program}
            spool_directory = {folder.File("spool")}
            log_file_path = {folder.File("log")}/%slog
            pid_file_path = {folder.File("exim.pid")}
            primary_hostname = mx.exim.test
            local_interfaces = {Address}
            daemon_smtp_ports = {Port}
            keep_environment =
            host_lookup =
            rfc1413_query_timeout = 0s
            dkim_verify_signers =
            tls_advertise_hosts = *
            tls_certificate = {pem}
            tls_privatekey = {pem}
            message_size_limit = {INextHop.SizeLimit}
            smtp_accept_max = 100
            smtp_accept_queue_per_connection = 0
            acl_smtp_rcpt = rcpt
            acl_smtp_data = accept
            begin acl
            rcpt:
              accept domains = {Domain}
                     local_parts = ! nobody
              deny message = 5.1.1 no such user
            begin routers
            local:
              driver = accept
              transport = inbox
            begin transports
            inbox:
              driver = appendfile
              file = {_peer.MailboxFile}
              user = nobody
              group = nogroup

            """);
        await _peer.PrepareAsync(["Debian-exim"], $"""
            cp {_peer.Root}/usr/sbin/exim4 {Program}
            chown root:root {Program}
            chmod 4755 {Program}
            mkdir -p /etc/exim4
            cp {configuration} /etc/exim4/exim4.conf
            chmod 644 /etc/exim4/exim4.conf
            mkdir {folder.File("spool")} {folder.File("log")}
            chown Debian-exim {folder.File("spool")} {folder.File("log")} {pem}
            """);
        await _peer.StartAsync(Address, Port, () => Log, Program, "-bdf", "-q1m");
    }
}
