namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A private Dovecot with its own configuration, mail and log: takes mail by LMTP for the users of <see cref="Domain"/>, gives it out by IMAP and POP3, and proves the users of a Postfix (its SASL socket). Needs root,
/// as Dovecot does; elsewhere the test is skipped.
/// </summary>
internal sealed class DovecotInstance : IAsyncDisposable
{
    public const string Domain = "dove.test";
    public const string Password = "a secret, kept";

    /// <summary>The names of the mailboxes; whoever isn't one of them is unknown (550 5.1.1).</summary>
    public static readonly string[] Users = ["user", "other", "third"];

    private readonly TempFolder _folder = new();
    private readonly string _dovecot;
    private ToolProcess _process;

    private DovecotInstance(string address, int lmtp, int imap, int pop3, string mechanisms)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Dovecot can only be started by root");
        _dovecot = Tool.Find("dovecot", "dovecot-core");
        Address = address;
        LmtpPort = lmtp;
        ImapPort = imap;
        Pop3Port = pop3;
        _folder.SharedFolder("mail");
        Directory.CreateDirectory(_folder.File("run"));
        _folder.Write("users", string.Concat(Users.Select(user => $"{user}@{Domain}:{{PLAIN}}{Password}:65534:65534::{_folder.File("mail")}/{user}::\n")));
        _folder.Write("dovecot.conf", $$"""
            base_dir = {{_folder.File("run")}}
            state_dir = {{_folder.File("run")}}
            log_path = {{LogFile}}
            ssl = no
            protocols = lmtp imap pop3
            listen = {{address}}
            auth_mechanisms = {{mechanisms}}
            auth_failure_delay = 0
            disable_plaintext_auth = no
            mail_location = maildir:~
            first_valid_uid = 1
            first_valid_gid = 1
            passdb {
              driver = passwd-file
              args = username_format=%u {{_folder.File("users")}}
            }
            userdb {
              driver = passwd-file
              args = username_format=%u {{_folder.File("users")}}
            }
            service lmtp {
              inet_listener lmtp {
                address = {{address}}
                port = {{lmtp}}
              }
              unix_listener lmtp {
                mode = 0666
              }
            }
            service imap-login {
              inet_listener imap {
                port = {{imap}}
              }
              inet_listener imaps {
                port = 0
              }
            }
            service pop3-login {
              inet_listener pop3 {
                port = {{pop3}}
              }
              inet_listener pop3s {
                port = 0
              }
            }
            # An address that failed is answered later and later, up to 15 s: auth_failure_delay isn't all.
            service anvil {
              unix_listener anvil-auth-penalty {
                mode = 0
              }
            }
            service auth {
              unix_listener auth-client {
                mode = 0666
              }
            }
            service stats {
              unix_listener stats-writer {
                mode = 0666
              }
            }

            """);
        _process = Start();
    }

    public string Address { get; }

    public int LmtpPort { get; }

    public int ImapPort { get; }

    public int Pop3Port { get; }

    public string LmtpSocket => _folder.File("run/lmtp");

    /// <summary>Where Postfix asks who a client is (smtpd_sasl_path).</summary>
    public string SaslSocket => _folder.File("run/auth-client");

    public string Log => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    private string LogFile => _folder.File("log");

    public static async Task<DovecotInstance> StartAsync(string address, string mechanisms = "plain login scram-sha-256")
    {
        var instance = new DovecotInstance(address, FreePort.On(address), FreePort.On(address), FreePort.On(address), mechanisms);
        await instance.IsThereAsync();
        return instance;
    }

    /// <summary>Ends it, and with it what it serves; until <see cref="ComeBackAsync"/>.</summary>
    public async Task LeaveAsync()
    {
        // Its children are its own to end.
        await _process.TerminateAsync();
        await _process.ExitAsync();
        await _process.DisposeAsync();
        File.Delete(SaslSocket);
    }

    public Task ComeBackAsync()
    {
        _process = Start();
        return IsThereAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await LeaveAsync();
        _folder.Dispose();
    }

    private ToolProcess Start() => ToolProcess.Start(_dovecot, ["-F", "-c", _folder.File("dovecot.conf")]);

    private Task IsThereAsync() => Eventually.True(
        () => Listening.On(Address, LmtpPort) && Listening.On(Address, ImapPort) && File.Exists(SaslSocket), $"Dovecot listens\n{_process.Transcript}\n{Log}");
}
