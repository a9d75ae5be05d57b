using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A private OpenSMTPD. It offers neither PIPELINING nor CHUNKING: one command at a time. Debian 12's can't use a private key with the OpenSSL it is linked to: it offers STARTTLS, and every handshake fails ("missing private key").
/// </summary>
internal sealed class OpenSmtpdInstance : INextHop
{
    private readonly UnpackedPeer _peer;

    private OpenSmtpdInstance(UnpackedPeer peer, string address, int port)
    {
        _peer = peer;
        Address = address;
        Port = port;
    }

    public string Address { get; }

    public int Port { get; }

    public string Domain => "smtpd.test";

    public bool HasTls => false;

    public string Mailbox => _peer.Mailbox;

    public string Log => _peer.Transcript;

    public static async Task<OpenSmtpdInstance> StartAsync(string address, int port)
    {
        var opensmtpd = new OpenSmtpdInstance(await UnpackedPeer.CreateAsync("opensmtpd"), address, port);
        await opensmtpd.StartAsync();
        return opensmtpd;
    }

    public ValueTask DisposeAsync() => _peer.DisposeAsync();

    private async Task StartAsync()
    {
        TempFolder folder = _peer.Folder;
        using X509Certificate2 certificate = SelfSigned.Create("mx.smtpd.test");
        string key = folder.Write("key.pem", certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() + "\n");
        File.SetUnixFileMode(key, UnixFileMode.UserRead);
        // It delivers several messages at a time, and a large one is appended in pieces.
        string configuration = folder.Write("smtpd.conf", $$"""
            pki mx.smtpd.test cert "{{folder.Write("cert.pem", certificate.ExportCertificatePem() + "\n")}}"
            pki mx.smtpd.test key "{{key}}"
            table users { "@smtpd.test" = "nobody" }
            listen on {{Address}} port {{Port}} tls pki mx.smtpd.test hostname mx.smtpd.test
            smtp max-message-size {{INextHop.SizeLimit}}
            action "inbox" mda "flock {{_peer.MailboxFile}}.lock cat >>{{_peer.MailboxFile}}" virtual <users>
            match from any for rcpt-to "nobody@smtpd.test" reject
            match from any for domain "smtpd.test" action "inbox"

            """);
        await _peer.PrepareAsync(["opensmtpd", "opensmtpq"], $"""
            cp -r {_peer.Root}/usr/libexec/opensmtpd /usr/libexec/
            mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty
            chmod 711 /var/spool/smtpd /var/lib/opensmtpd/empty
            """);
        await _peer.StartAsync(Address, Port, () => Log, _peer.Root + "/usr/sbin/smtpd", "-d", "-f", configuration);
    }
}
