namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A relay for users, on a port with STARTTLS and one with TLS from the first octet, and the server that gets their mail.</summary>
internal sealed class LoginRelay : IAsyncDisposable
{
    private readonly TempFolder _folder;
    private readonly RelayProcess _relay;

    private LoginRelay(TempFolder folder, ScriptedServer server, RelayProcess relay)
    {
        _folder = folder;
        Server = server;
        _relay = relay;
    }

    public ScriptedServer Server { get; }

    public RelayProcess Process => _relay;

    public int StartTlsPort => _relay.Listeners[0].Port;

    public int ImplicitPort => _relay.Listeners[1].Port;

    /// <summary>Users, who may all send from from.test, or with null a source of them in <paramref name="access"/>.</summary>
    public static async Task<LoginRelay> StartAsync(
        IReadOnlyDictionary<string, string>? users, string access = "", string tables = "", string log = "", string? dns = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var folder = new TempFolder();
        foreach ((string name, string password) in users ?? new Dictionary<string, string>())
        {
            await using ToolProcess added = await RelayProcess.AskAsync(password + "\n", "user", "add", name, "--users", folder.File("users.toml"), "--sender", "*@from.test");
            Assert.True(added.ExitCode == 0, added.Transcript);
        }

        ScriptedServer server = ScriptedServer.Start();
        var settings = RelaySettings.SmartHost(server.Address, server.Port);
        RelayProcess relay = await RelayProcess.StartAsync(settings with
        {
            // Small files, for who looks through them.
            Spool = "path = \"spool\"\nsegment_size = \"1MiB\"",
            Listeners = ["starttls", "implicit"],
            Role = "submission",
            Access = $"relay_from = []\n{(users is null ? "" : $"users = \"{folder.File("users.toml")}\"\n")}{access}",
            Dns = dns is null ? settings.Dns : $"servers = [\"{dns}\"]",
            Tables = tables,
            Log = log,
        }, environment);
        return new LoginRelay(folder, server, relay);
    }

    /// <summary>The message with that subject has come, from an address of from.test or of its own.</summary>
    public Task<ArrivedMessage> ArrivedAsync(string subject) => Server.MessageAsync(m => m.Header("Subject") == subject, $"the message \"{subject}\"\n{string.Join('\n', _relay.Errors)}");

    public async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await Server.DisposeAsync();
        _folder.Dispose();
    }
}
