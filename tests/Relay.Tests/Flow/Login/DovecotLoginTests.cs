using System.Net.Sockets;
using System.Text;
using Relay.Flow.Accept;
using Relay.Flow.Login;
using Relay.Flow.Policy;
using Relay.Tests.Support;

namespace Relay.Tests.Flow.Login;

/// <summary>Users whom a Dovecot knows, which a script plays here; a real one is in the end-to-end tests.</summary>
public sealed class DovecotLoginTests : IDisposable
{
    private const string Hello = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\nMECH\tSCRAM-SHA-256\tdictionary\nSPID\t1\nCUID\t2\nCOOKIE\tabc\nDONE\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("relay-dovecot-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "auth");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_it_lists_and_we_allow_is_offered_and_what_is_said_goes_there_and_back()
    {
        await using var dovecot = new Script(Path, Hello);
        await using EngineFixture relay = await StartAsync();
        string greeting = await dovecot.ReadAsync();
        Assert.Equal("VERSION\t1\t1", greeting);
        Assert.StartsWith("CPID\t", await dovecot.ReadAsync(), StringComparison.Ordinal);
        await OfferedAsync(relay, "250-AUTH SCRAM-SHA-256 PLAIN LOGIN\n");
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.SayAsync("AUTH CRAM-MD5", "504");
        await client.WriteAsync("AUTH LOGIN\r\n");
        string auth = await dovecot.ReadAsync();
        Assert.Matches("^AUTH\t1\tLOGIN\tservice=smtp\tnologin\tsecured\trip=127.0.0.1\trport=40000\tlip=192.0.2.25\tlport=25$", auth);
        await dovecot.SayAsync("CONT\t1\tVXNlcm5hbWU6\n");
        await client.ExpectAsync("334 VXNlcm5hbWU6");
        await client.WriteAsync("YWxpY2U=\r\n");
        Assert.Equal("CONT\t1\tYWxpY2U=", await dovecot.ReadAsync());
        await dovecot.SayAsync("CONT\t1\tUGFzc3dvcmQ6\n");
        await client.ExpectAsync("334 UGFzc3dvcmQ6");
        await client.WriteAsync("c2VjcmV0\r\n");
        Assert.Equal("CONT\t1\tc2VjcmV0", await dovecot.ReadAsync());
        await dovecot.SayAsync("OK\t1\tuser=alice@b.example\toriginal_user=alice\n");
        await client.ExpectAsync("235 2.7.0");
        await client.SayAsync("MAIL FROM:<bob@b.example>", "553");
        await client.SayAsync("MAIL FROM:<alice@b.example>", "250");
        await client.SayAsync("RSET", "250");
        await client.SayAsync("MAIL FROM:<any@shared.example>", "250");
    }

    [Theory]
    [InlineData("FAIL\t1\tuser=alice\n", "535 5.7.8")]
    [InlineData("FAIL\t1\tuser=alice\tuser_disabled\n", "535 5.7.8")]
    [InlineData("FAIL\t1\tauthz\n", "535 5.7.8")]
    [InlineData("FAIL\t1\ttemp\n", "454 4.7.0")]
    [InlineData("FAIL\t9\nnonsense\n\nFAIL\t1\tcode=temp_fail\n", "454 4.7.0")]
    [InlineData("OK\t1\n", "535 5.7.8")]
    [InlineData("OK\t1\tuser=\n", "535 5.7.8")]
    public async Task A_failure_is_the_users_or_its_own(string answer, string reply)
    {
        await using var dovecot = new Script(Path, Hello);
        await using EngineFixture relay = await StartAsync();
        await OfferedAsync(relay, "SCRAM");
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.WriteAsync("AUTH PLAIN AGEAYg==\r\n");
        Assert.EndsWith("\tresp=AGEAYg==", await dovecot.AuthAsync(), StringComparison.Ordinal);
        await dovecot.SayAsync(answer);
        await client.ExpectAsync(reply);
        await client.SayAsync("MAIL FROM:<alice@b.example>", "530");
    }

    [Fact]
    public async Task An_exchange_that_is_broken_off_is_cancelled_there()
    {
        await using var dovecot = new Script(Path, Hello);
        await using EngineFixture relay = await StartAsync();
        await OfferedAsync(relay, "SCRAM");
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.WriteAsync("AUTH PLAIN\r\n");
        await dovecot.AuthAsync();
        await dovecot.SayAsync("CONT\t1\t\n");
        await client.ExpectAsync("334 ");
        await client.SayAsync("*", "501");
        Assert.Equal("CANCEL\t1", await dovecot.ReadAsync());
    }

    [Fact]
    public async Task While_it_is_away_nobody_can_tell_and_when_it_is_back_all_is_well()
    {
        await using EngineFixture relay = await StartAsync();
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.WriteAsync("AUTH PLAIN AGEAYg==\r\n");
        Task<string> refused = client.ExpectAsync("454 4.7.0");
        await relay.PassTimeUntil(() => refused.IsCompleted, "the refusal");
        await refused;
        var dovecot = new Script(Path, Hello);
        await OfferedAsync(relay, "SCRAM");
        await client.WriteAsync("AUTH PLAIN AGEAYg==\r\n");
        await dovecot.AuthAsync();
        // It goes in the middle of an exchange.
        await dovecot.DisposeAsync();
        await client.ExpectAsync("454 4.7.0");
        await using var again = new Script(Path, Hello);
        await client.WriteAsync("AUTH PLAIN AGEAYg==\r\n");
        Task<string> asked = again.AuthAsync();
        await relay.PassTimeUntil(() => asked.IsCompleted, "the question", TimeSpan.FromMilliseconds(50));
        await again.SayAsync("OK\t1\tuser=alice@b.example\n");
        await client.ExpectAsync("235");
    }

    [Fact]
    public async Task One_that_doesnt_answer_is_not_waited_for_without_end()
    {
        await using var dovecot = new Script(Path, Hello);
        await using EngineFixture relay = await StartAsync();
        await OfferedAsync(relay, "SCRAM");
        await using TestClient client = await relay.ConnectTlsAsync();
        await client.WriteAsync("AUTH PLAIN AGEAYg==\r\n");
        await dovecot.AuthAsync();
        Task<string> refused = client.ExpectAsync("454 4.7.0");
        await relay.PassTimeUntil(() => refused.IsCompleted, "the refusal", TimeSpan.FromSeconds(1));
        await refused;
    }

    [Theory]
    [InlineData("alice@b.example", "alice@b.example", true)]
    [InlineData("alice@b.example", "bob@b.example", false)]
    [InlineData("alice", "alice@named.example", true)]
    [InlineData("alice", "bob@named.example", false)]
    [InlineData("alice", "x@shared.example", true)]
    [InlineData("*", "bob@named.example", false)]
    [InlineData("*@b.example", "bob@b.example", false)]
    [InlineData("a@b", "a@b@named.example", false)]
    public async Task Addresses_come_of_the_name_and_of_rules(string user, string sender, bool may)
    {
        await using var logins = new DovecotLogins(Options(Path), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        Assert.Equal(may, logins.Find(user)!.MaySendAs(Encoding.UTF8.GetBytes(sender)));
    }

    private static DovecotOptions Options(string path) => new(path, [SenderTemplate.Parse("{user}@named.example")!, SenderTemplate.Parse("*@shared.example")!], UserLimits.None);

    private static async Task OfferedAsync(EngineFixture relay, string what)
    {
        await using TestClient client = await relay.ConnectTlsAsync();
        string offered = "";
        for (int i = 0; i < 50 && !offered.Contains(what, StringComparison.Ordinal); i++)
        {
            relay.Time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.Within(static () => false, TimeSpan.FromMilliseconds(20));
            offered = await client.SayAsync("EHLO c.example", "250");
        }

        Assert.Contains(what, offered, StringComparison.Ordinal);
    }

    private Task<EngineFixture> StartAsync()
    {
        var relay = new EngineFixture();
        relay.Options = relay.Options with { Dovecot = Options(Path) };
        relay.Listener = relay.Listener with { Role = ListenerRole.Submission };
        return relay.StartAsync();
    }

    /// <summary>Takes one connection, greets, and says what the test says.</summary>
    private sealed class Script : IAsyncDisposable
    {
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly string _path;
        private readonly Task<StreamReader> _reader;
        private Socket? _socket;

        public Script(string path, string hello)
        {
            _path = path;
            File.Delete(path);
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(1);
            _reader = AcceptAsync(hello);
        }

        public async Task<string> ReadAsync() => await (await _reader).ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20)) ?? "(closed)";

        /// <summary>The first line of an exchange, behind whatever greets.</summary>
        public async Task<string> AuthAsync()
        {
            string line;
            do
            {
                line = await ReadAsync();
            }
            while (!line.StartsWith("AUTH", StringComparison.Ordinal) && line != "(closed)");
            return line;
        }

        public async Task SayAsync(string text)
        {
            await _reader;
            await _socket!.SendAsync(Encoding.UTF8.GetBytes(text));
        }

        public ValueTask DisposeAsync()
        {
            _listener.Dispose();
            _socket?.Dispose();
            File.Delete(_path);
            return ValueTask.CompletedTask;
        }

        private async Task<StreamReader> AcceptAsync(string hello)
        {
            _socket = await _listener.AcceptAsync();
            await _socket.SendAsync(Encoding.ASCII.GetBytes(hello));
            return new StreamReader(new NetworkStream(_socket));
        }
    }
}
