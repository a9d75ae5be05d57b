using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A private Postfix with its own configuration, queue, data and log: an MX for one domain that offers STARTTLS and delivers everything to one mailbox file. Needs root, as
/// Postfix does; elsewhere the test is skipped.
/// </summary>
internal sealed class PostfixInstance : INextHop
{
    public const string Domain = "post.test";

    /// <summary>One for all: to find an RSA key takes a tenth of a second and more.</summary>
    private static readonly Lazy<string> KeyAndCertificate = new(static () =>
    {
        using X509Certificate2 certificate = SelfSigned.Create("mx.post.test");
        return certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() + "\n" + certificate.ExportCertificatePem();
    });

    private readonly TempFolder _folder = new();
    private readonly string _postfix = Tool.Find("postfix", "postfix");
    private readonly string _configuration;
    private readonly PostfixLog _log;

    private PostfixInstance(string address, int port, string more)
    {
        Address = address;
        Port = port;
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Postfix can only be started by root");
        _configuration = Directory.CreateDirectory(_folder.File("etc")).FullName;
        _log = new PostfixLog(_folder.File("queue"));
        Directory.CreateDirectory(_folder.File("data"));
        _folder.SharedFolder("mail");
        string pem = _folder.Write("etc/tls.pem", KeyAndCertificate.Value);
        _folder.Write("etc/main.cf", $"""
            compatibility_level = 3.6
            queue_directory = {_folder.File("queue")}
            data_directory = {_folder.File("data")}
            maillog_file_prefixes = {_folder.Path}
            maillog_file = {_folder.File("maillog")}
            postlog_service_name = {PostfixLog.Service}
            myhostname = mx.post.test
            mydestination =
            mynetworks =
            inet_protocols = ipv4
            alias_maps =
            virtual_mailbox_domains = {Domain}
            virtual_mailbox_base = {_folder.File("mail")}
            virtual_mailbox_maps = static:inbox
            virtual_mailbox_limit = 0
            virtual_minimum_uid = 1
            virtual_uid_maps = static:65534
            virtual_gid_maps = static:65534
            smtpd_relay_restrictions = reject_unauth_destination
            smtpd_tls_security_level = may
            smtpd_tls_chain_files = {pem}
            smtpd_tls_loglevel = 1
            {more}
            """);
        _folder.Write("etc/master.cf", $"""
            {address}:{port} inet n - n - - smtpd
            cleanup unix n - n - 0 cleanup
            qmgr unix n - n 300 1 qmgr
            tlsmgr unix - - n 1000? 1 tlsmgr
            rewrite unix - - n - - trivial-rewrite
            bounce unix - - n - 0 bounce
            defer unix - - n - 0 bounce
            trace unix - - n - 0 bounce
            proxymap unix - - n - - proxymap
            smtp unix - - n - - smtp
            error unix - - n - - error
            retry unix - - n - - error
            virtual unix - n n - - virtual
            anvil unix - - n - 1 anvil
            scache unix - - n - 1 scache
            postlog unix-dgram n - n - 1 postlogd

            """);
    }

    public string Address { get; }

    public int Port { get; }

    string INextHop.Domain => Domain;

    public string Log => _log.Text;

    /// <summary>What was delivered, as an mbox.</summary>
    public string Mailbox => File.Exists(_folder.File("mail/inbox")) ? File.ReadAllText(_folder.File("mail/inbox"), System.Text.Encoding.Latin1) : "";

    /// <summary>Lines in <paramref name="more"/> overrule those of main.cf.</summary>
    public static async Task<PostfixInstance> StartAsync(string address, int port, string more = "")
    {
        var instance = new PostfixInstance(address, port, more);
        await using var owner = await ToolProcess.RunAsync("/bin/chown", ["postfix:postdrop", instance._folder.File("data"), instance._folder.File("queue/public")]);
        Assert.True(owner.ExitCode == 0, owner.Transcript);
        await using var start = await ToolProcess.RunAsync(instance._postfix, ["-c", instance._configuration, "start"]);
        Assert.True(start.ExitCode == 0, $"postfix start: {start.Transcript}\n{instance.Log}");
        await Eventually.True(() => Listening.On(address, port), $"Postfix listens on {address}:{port}\n{instance.Log}");
        return instance;
    }

    public async ValueTask DisposeAsync()
    {
        // At once: what it still has in hand is nobody's concern any more, and "stop" waits for seconds.
        await using (await ToolProcess.RunAsync(_postfix, ["-c", _configuration, "abort"]))
        {
            _log.Dispose();
            _folder.Dispose();
        }
    }
}
