namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A mail server that Debian would not install beside Postfix: tests/run.sh unpacks its package below artifacts/peers, and it runs in a mount namespace of its own in which its compiled-in paths and its users exist.
/// </summary>
internal sealed class UnpackedPeer : IAsyncDisposable
{
    private readonly MountNamespace _namespace;
    private readonly TempFolder _folder = new();
    private ToolProcess? _process;

    private UnpackedPeer(MountNamespace mounts, string root)
    {
        _namespace = mounts;
        Root = root;
        _folder.SharedFolder("mail");
    }

    /// <summary>Where its package was unpacked.</summary>
    public string Root { get; }

    public TempFolder Folder => _folder;

    public string MailboxFile => _folder.File("mail/inbox");

    public string Mailbox => File.Exists(MailboxFile) ? File.ReadAllText(MailboxFile, System.Text.Encoding.Latin1) : "";

    /// <summary>Skips the test where the package isn't there or nothing may be mounted.</summary>
    public static async Task<UnpackedPeer> CreateAsync(string package)
    {
        string root = Path.Combine(RelayProcess.RepositoryRoot(), "artifacts/peers", package);
        Assert.SkipUnless(Directory.Exists(root), $"the Debian package {package} isn't unpacked in artifacts/peers (tests/run.sh does that)");
        return new UnpackedPeer(await MountNamespace.CreateAsync(), root);
    }

    /// <summary>Runs lines of sh(1) in its namespace, with /etc and /usr/libexec writable copies that only it sees, and /run, /var/lib and /var/spool empty.</summary>
    public async Task PrepareAsync(IReadOnlyList<string> users, string script)
    {
        const int FirstId = 64001;
        string accounts = string.Concat(users.Select((user, i) => $"{user}:x:{FirstId + i}:{FirstId + i}::/var/lib/{user}:/usr/sbin/nologin\n"));
        string groups = string.Concat(users.Select((user, i) => $"{user}:x:{FirstId + i}:\n"));
        string path = _folder.Write("prepare.sh", $"""
            set -e
            mkdir {_folder.Path}/mounts
            mount -t tmpfs tmpfs {_folder.Path}/mounts
            cd {_folder.Path}/mounts
            mkdir etc etc-work libexec libexec-work run lib spool
            mount -t overlay overlay -o lowerdir=/etc,upperdir=$PWD/etc,workdir=$PWD/etc-work /etc
            mount -t overlay overlay -o lowerdir=/usr/libexec,upperdir=$PWD/libexec,workdir=$PWD/libexec-work /usr/libexec
            mount --bind run /run
            mount --bind lib /var/lib
            mount --bind spool /var/spool
            cat >>/etc/passwd <<'END'
            {accounts}
            END
            cat >>/etc/group <<'END'
            {groups}
            END
            {script}

            """.ReplaceLineEndings("\n"));
        await using ToolProcess prepared = await _namespace.RunAsync("/bin/sh", path);
        Assert.True(prepared.ExitCode == 0, prepared.Transcript);
    }

    /// <summary>Starts its daemon, which stays in the foreground, and waits until it listens.</summary>
    public async Task StartAsync(string address, int port, Func<string> log, string file, params string[] arguments)
    {
        _process = ToolProcess.Start(_namespace.Wrapper[0], [.. _namespace.Wrapper[1..], file, .. arguments]);
        await Eventually.Value(() => Listening.On(address, port) ? "on" : null, () => $"{file} listens on {address}:{port}\n{_process.Transcript}\n{log()}");
    }

    /// <summary>What its daemon has printed.</summary>
    public string Transcript => _process?.Transcript ?? "";

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.TerminateAsync();
            await _process.ExitAsync();
            await _process.DisposeAsync();
        }

        await _namespace.DisposeAsync();
        _folder.Dispose();
    }
}
