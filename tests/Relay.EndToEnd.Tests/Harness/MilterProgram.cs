using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A milter that is a program of its own, on a port of 127.0.0.1. Disposing ends it.</summary>
internal sealed class MilterProgram : IAsyncDisposable
{
    /// <summary>Speaks the protocol by hand and prints each command on a line: its letter, its data with NUL as "|" and line ends as "~"; of bodies only their lengths. At the end of a message it adds a header field.</summary>
    private const string Recorder = """
        import socketserver, struct, sys, hashlib
        class Milter(socketserver.StreamRequestHandler):
            def say(self, packet):
                self.wfile.write(struct.pack('>I', len(packet)) + packet)
            def handle(self):
                body, count = hashlib.sha256(), 0
                while True:
                    head = self.rfile.read(4)
                    if len(head) < 4: return
                    packet = self.rfile.read(struct.unpack('>I', head)[0])
                    letter, data = packet[:1], packet[1:]
                    if letter == b'B':
                        body.update(data); count += len(data)
                    elif letter == b'E':
                        print('B', count, body.hexdigest(), flush=True)
                        body, count = hashlib.sha256(), 0
                    if letter not in b'BO':
                        print(letter.decode() + data.decode('latin1').replace('\0', '|').replace('\n', '~'), flush=True)
                    if letter == b'O': self.say(b'O' + struct.pack('>III', 6, 1, int(sys.argv[2])))
                    elif letter == b'Q': return
                    elif letter == b'E':
                        self.say(b'hX-Recorded\0yes\0')
                        self.say(b'c')
                    elif letter not in b'DA': self.say(b'c')
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True
        Server(('127.0.0.1', int(sys.argv[1])), Milter).serve_forever()
        """;

    /// <summary>With libmilter, by pymilter: changes whatever can be.</summary>
    private const string Changer = """
        import sys, Milter
        class Changer(Milter.Base):
            @Milter.noreply
            def header(self, name, value):
                return Milter.CONTINUE
            def envrcpt(self, to, *parameters):
                if to.startswith('<refused@'):
                    self.setreply('550', '5.1.1', 'not here', 'nor there')
                    return Milter.REJECT
                return Milter.CONTINUE
            def eom(self):
                self.progress()
                self.chgheader('Subject', 1, 'changed')
                self.addheader('X-Added', 'one\n\ttwo')
                self.addheader('X-Top', 'first', 0)
                self.chgfrom('<bounces@from.test>')
                self.addrcpt('<added@to.test>')
                self.delrcpt('<gone@to.test>')
                self.replacebody('a new body\r\n.with a dot\r\n')
                return Milter.CONTINUE
        Milter.factory = Changer
        Milter.set_flags(Milter.ADDHDRS + Milter.CHGHDRS + Milter.CHGBODY + Milter.ADDRCPT + Milter.DELRCPT + Milter.CHGFROM)
        Milter.runmilter('changer', 'inet:%s@127.0.0.1' % sys.argv[1], 60)
        """;

    private const string RspamdSettings = """
        options { pidfile = "FOLDER/pid"; tempdir = "FOLDER"; filters = "regexp"; url_tld = "FOLDER/tld"; disable_hyperscan = true; dns { nameserver = ["127.0.0.1:9:1"]; timeout = 0.1s; retransmits = 1; } }
        logging { type = "console"; level = "warning"; }
        actions { reject = 15; add_header = 6; }
        worker "rspamd_proxy" { bind_socket = "127.0.0.1:PORT"; milter = yes; count = 1; upstream "local" { default = yes; self_scan = yes; } }
        lua = "FOLDER/rules.lua";
        """;

    private const string RspamdRules = """
        rspamd_config:register_symbol({ name = 'MARKED', score = 7.0, callback = function(task)
          task:set_milter_reply({ add_headers = { ['X-Seen'] = 'by rspamd, from ' .. tostring(task:get_from_ip()) } })
          return (task:get_header('Subject') or ''):find('marked') ~= nil
        end })
        """;

    private readonly TempFolder _folder;
    private readonly string _file;
    private readonly string[] _arguments;
    private ToolProcess? _process;

    private MilterProgram(TempFolder folder, int port, string file, string[] arguments)
    {
        _folder = folder;
        Port = port;
        _file = file;
        _arguments = arguments;
    }

    public int Port { get; }

    public IReadOnlyList<string> Output => _process!.Output;

    /// <summary>Its table in a relay.toml.</summary>
    public string Table => string.Create(CultureInfo.InvariantCulture, $"[[milter]]\nname = \"m{Port}\"\naddress = \"inet:127.0.0.1:{Port}\"\n");

    /// <summary>It takes such steps of the protocol (SMFIP_) as are said.</summary>
    public static Task<MilterProgram> RecorderAsync(int steps = 0) => StartAsync(new TempFolder(), Tool.Find("python3", "python3"), (folder, port) =>
        [folder.Write("recorder.py", Recorder), port, steps.ToString(CultureInfo.InvariantCulture)]);

    public static async Task<MilterProgram> ChangerAsync()
    {
        string python = Tool.Find("python3", "python3");
        await using ToolProcess look = await ToolProcess.RunAsync(python, ["-c", "import Milter"]);
        Assert.SkipUnless(look.ExitCode == 0, "pymilter is not installed (Debian package python3-milter)");
        return await StartAsync(new TempFolder(), python, static (folder, port) => [folder.Write("changer.py", Changer), port]);
    }

    public static Task<MilterProgram> RspamdAsync() => StartAsync(new TempFolder(), Tool.Find("rspamd", "rspamd"), static (folder, port) =>
    {
        folder.Write("tld", "test\n");
        folder.Write("rules.lua", RspamdRules);
        string settings = folder.Write("rspamd.conf", RspamdSettings.Replace("FOLDER", folder.Path, StringComparison.Ordinal).Replace("PORT", port, StringComparison.Ordinal));
        return ["-f", "-i", "-c", settings];
    });

    /// <summary>Signs what comes from 127.0.0.1 with a key, and verifies what comes from elsewhere with the same one.</summary>
    public static Task<MilterProgram> OpenDkimAsync(string domain, string selector, string keyFile, string record) => StartAsync(new TempFolder(), Tool.Find("opendkim", "opendkim"), (folder, port) =>
    {
        string keys = folder.Write("keys", $"{selector}._domainkey.{domain} {record}\n");
        string settings = folder.Write("opendkim.conf", $"Mode sv\nDomain {domain}\nSelector {selector}\nKeyFile {keyFile}\nTestPublicKeys {keys}\nSocket inet:{port}@127.0.0.1\nRequireSafeKeys no\nInternalHosts 127.0.0.1\nAlwaysAddARHeader yes\n");
        return ["-f", "-x", settings];
    });

    /// <summary>It dies; its port is its own still.</summary>
    public async Task KillAsync()
    {
        await _process!.Kill9Async();
        await Eventually.True(() => !Listening.On("127.0.0.1", Port), "nobody listens there");
    }

    public async Task StartAsync()
    {
        _process = ToolProcess.Start(_file, _arguments, folder: _folder.Path);
        await Eventually.Value(() => Listening.On("127.0.0.1", Port) ? "" : null, () => $"{_file} listens\n{_process.Transcript}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                // Rspamd has children of its own, which only it can end.
                await process.TerminateAsync();
                await process.ExitAsync();
            }

            await process.DisposeAsync();
        }

        _folder.Dispose();
    }

    private static async Task<MilterProgram> StartAsync(TempFolder folder, string file, Func<TempFolder, string, string[]> arguments)
    {
        int port = FreePort.On("127.0.0.1");
        var milter = new MilterProgram(folder, port, file, arguments(folder, port.ToString(CultureInfo.InvariantCulture)));
        await milter.StartAsync();
        return milter;
    }
}
