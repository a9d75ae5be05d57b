using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed partial class CommandLineTests
{
    private const string WrongFile = """
        hostnme = "relay.test"
        [limits]
        message_size = "25 potatoes"
        [[listener]]
        address = "127.0.0.1:99999"
        tls = "sometimes"
        [delivery]
        retry = ["5 minutes"]
        expire = 5
        """;

    [Theory]
    [InlineData("check")]
    [InlineData("serve")]
    public async Task All_errors_of_a_file_are_told_at_once_with_line_and_column_and_exit_status_1(string command)
    {
        using var folder = new TempFolder();
        string file = folder.Write("relay.toml", WrongFile);

        await using ToolProcess relay = await RelayProcess.CommandAsync(command, "--config", file);

        Assert.Equal(1, relay.ExitCode);
        int[] lines = [.. relay.Errors.Concat(relay.Output).Select(line => Position().Match(line)).Where(match => match.Success)
            .Where(match => match.Groups["file"].Value == file && int.Parse(match.Groups["column"].Value, CultureInfo.InvariantCulture) > 0)
            .Select(match => int.Parse(match.Groups["line"].Value, CultureInfo.InvariantCulture)).Distinct().Order()];
        Assert.True(lines.SequenceEqual([1, 3, 5, 6, 8, 9]), relay.Transcript);
        Assert.Contains("hostname", relay.Transcript, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", relay.Transcript, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_syntax_error_of_TOML_is_told_with_its_place()
    {
        using var folder = new TempFolder();
        string file = folder.Write("relay.toml", "hostname = \"relay.test\"\n[limits\n");

        await using ToolProcess relay = await RelayProcess.CommandAsync("check", "--config", file);

        Assert.Equal(1, relay.ExitCode);
        Assert.Contains($"{file}:2:", relay.Transcript, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", relay.Transcript, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_prints_the_effective_configuration_of_a_good_file()
    {
        using var folder = new TempFolder();
        string file = folder.Write("relay.toml", RelaySettings.SmartHost("127.0.0.2", 2525).ToToml());

        await using ToolProcess relay = await RelayProcess.CommandAsync("check", "--config", file);

        Assert.True(relay.ExitCode == 0, relay.Transcript);
        Assert.Contains("relay.test", relay.Transcript, StringComparison.Ordinal);
        Assert.Contains("smtp://127.0.0.2:2525", relay.Transcript, StringComparison.Ordinal);
        Assert.Contains("message_size", relay.Transcript, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_file_is_exit_status_1_and_one_clear_line()
    {
        await using ToolProcess relay = await RelayProcess.CommandAsync("serve", "--config", "/nonexistent/relay.toml");

        Assert.Equal(1, relay.ExitCode);
        Assert.Contains("/nonexistent/relay.toml", Assert.Single(relay.Errors, line => line.Length > 0), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_and_help_answer_with_exit_status_0()
    {
        await using ToolProcess version = await RelayProcess.CommandAsync("version");
        await using ToolProcess help = await RelayProcess.CommandAsync("--help");

        Assert.True(version.ExitCode == 0, version.Transcript);
        Assert.Matches(@"\d+\.\d+\.\d+", version.Transcript);
        Assert.True(help.ExitCode == 0, help.Transcript);
        Assert.Contains("serve", help.Transcript, StringComparison.Ordinal);
        Assert.Contains("check", help.Transcript, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_relay_on_the_same_spool_exits_with_2()
    {
        await using RelayProcess first = await RelayProcess.StartAsync(new RelaySettings());
        using var folder = new TempFolder();
        string file = folder.Write("relay.toml", (new RelaySettings { Spool = $"path = \"{Path.Combine(first.Folder, "spool")}\"" }).ToToml());

        await using ToolProcess second = await RelayProcess.CommandAsync("serve", "--config", file);

        Assert.Equal(2, second.ExitCode);
        Assert.Contains(second.Errors, line => line.Contains("spool", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("   at ", second.Transcript, StringComparison.Ordinal);
        Assert.DoesNotContain(second.Output, line => line.StartsWith("ready", StringComparison.Ordinal));
        Assert.False(first.HasExited);
    }

    [Fact]
    public async Task The_spool_of_a_killed_relay_is_free_again()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());

        await relay.Kill9Async();
        await relay.RestartAsync();

        Assert.Equal(0, await relay.StopAsync());
    }

    [Fact]
    public async Task A_port_in_use_is_exit_status_2_and_names_the_address()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        using var folder = new TempFolder();
        string address = taken.LocalEndpoint.ToString()!;
        string file = folder.Write("relay.toml", new RelaySettings().ToToml().Replace("address = \"127.0.0.1:0\"\nrole", $"address = \"{address}\"\nrole", StringComparison.Ordinal));

        await using ToolProcess relay = await RelayProcess.CommandAsync("serve", "--config", file);

        Assert.Equal(2, relay.ExitCode);
        Assert.Contains(relay.Errors, line => line.Contains(address, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", relay.Transcript, StringComparison.Ordinal);
        Assert.DoesNotContain(relay.Output, line => line.StartsWith("ready", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Standard_output_carries_the_ready_line_and_nothing_else()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Listeners = ["none", "starttls"] });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.SendMessageAsync("sender@from.test", "user@to.test", TestMessage.Create(new Random(16), 100).Content);
        await server.MessageAsync(_ => true, "the message");

        Assert.Equal(0, await relay.StopAsync());

        Assert.Matches(@"^ready relay=127\.0\.0\.1:\d+,127\.0\.0\.1:\d+( submission=\S*)? admin=127\.0\.0\.1:\d+$", Assert.Single(relay.Output));
    }

    [GeneratedRegex(@"^(?<file>/.*?):(?<line>\d+):(?<column>\d+): \S", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Position();
}
