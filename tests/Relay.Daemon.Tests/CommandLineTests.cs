using System.Net;
using System.Net.Sockets;
using Relay.Daemon.Tests.Hosting;

namespace Relay.Daemon.Tests;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("serve", "--bogus")]
    [InlineData("bogus")]
    [InlineData("check", "--config")]
    [InlineData("version", "extra")]
    public async Task A_wrong_command_line_is_exit_status_1_with_the_reason_on_standard_error(params string[] arguments)
    {
        await using var relay = new RelayProcess();
        Assert.Equal(1, await relay.RunAsync(arguments));
        Assert.NotEmpty(relay.Errors);
        Assert.All(relay.Errors, static e => Assert.StartsWith("relay: ", e, StringComparison.Ordinal));
        Assert.Empty(relay.Output);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("serve", "--help")]
    [InlineData("check", "--help")]
    [InlineData("version", "--help")]
    public async Task Help_is_everywhere(params string[] arguments)
    {
        await using var relay = new RelayProcess();
        Assert.Equal(0, await relay.RunAsync(arguments));
        Assert.NotEmpty(relay.Output);
        Assert.Empty(relay.Errors);
    }

    [Fact]
    public async Task Version_prints_one_line()
    {
        await using var relay = new RelayProcess();
        Assert.Equal(0, await relay.RunAsync("version"));
        Assert.Matches(@"^relay \d+\.\d+\.\d+$", Assert.Single(relay.Output));
    }

    [Fact]
    public async Task Without_a_file_the_embedded_default_holds_in_the_working_directory()
    {
        await using var relay = new RelayProcess();
        Assert.Equal(0, await relay.RunAsync("check"));
        Assert.Contains("address = \"127.0.0.1:2525\"", relay.Output);
        Assert.Contains("address = \"127.0.0.1:8025\"", relay.Output);
        Assert.Contains(relay.Output, l => l.StartsWith("path = ", StringComparison.Ordinal) && l.EndsWith("/spool\"", StringComparison.Ordinal));
        Assert.Contains(relay.Output, l => l.StartsWith("deliveries = ", StringComparison.Ordinal) && l.EndsWith("/deliveries.jsonl\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_warns_where_a_power_cut_may_lose_mail()
    {
        await using var relay = new RelayProcess();
        await File.WriteAllTextAsync(relay.ConfigFile, "[spool]\ndurability = \"os\"");
        Assert.Equal(0, await relay.RunAsync("check"));
        Assert.Equal(["relay: warning: durability = \"os\": a power cut may lose acknowledged mail"], relay.Errors);
    }

    [Fact]
    public async Task Without_an_option_relay_toml_in_the_working_directory_is_taken()
    {
        await using var relay = new RelayProcess();
        await File.WriteAllTextAsync(relay.ConfigFile, "hostname = \"found.example\"");
        Assert.Equal(0, await relay.RunAsync("check"));
        Assert.Contains("hostname = \"found.example\"", relay.Output);
    }

    [Fact]
    public async Task What_check_prints_is_a_file_that_check_prints_the_same()
    {
        await using var relay = new RelayProcess();
        Assert.Equal(0, await relay.RunAsync("check"));
        await using var again = new RelayProcess();
        await File.WriteAllLinesAsync(again.ConfigFile, relay.Output);
        Assert.Equal(0, await again.RunAsync("check", "--config", again.ConfigFile));
        Assert.Equal(relay.Output, again.Output);
    }

    [Fact]
    public async Task Every_error_of_a_file_is_a_line_on_standard_error_and_exit_status_1()
    {
        await using var relay = new RelayProcess();
        await File.WriteAllTextAsync(relay.ConfigFile, "hostnme = \"x\"\n[limits]\nerrors = 0\n");
        Assert.Equal(1, await relay.RunAsync("check", "--config", "relay.toml"));
        Assert.Equal(2, relay.Errors.Count);
        Assert.StartsWith("relay.toml:1:1: ", relay.Errors[0], StringComparison.Ordinal);
        Assert.StartsWith("relay.toml:3:10: ", relay.Errors[1], StringComparison.Ordinal);
        Assert.Empty(relay.Output);
    }

    [Fact]
    public async Task A_port_in_use_is_exit_status_2_and_one_line_that_names_the_address()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var relay = new RelayProcess();
        await File.WriteAllTextAsync(relay.ConfigFile, $"[[listener]]\naddress = \"{taken.LocalEndpoint}\"\n[admin]\naddress = \"127.0.0.1:0\"\n[log]\nlevel = \"warning\"");
        Assert.Equal(2, await relay.RunAsync("serve", "--config", relay.ConfigFile));
        string line = Assert.Single(relay.Errors, static e => !e.Contains("self-signed", StringComparison.Ordinal));
        Assert.StartsWith($"relay: cannot listen on {taken.LocalEndpoint}: ", line, StringComparison.Ordinal);
        Assert.Empty(relay.Output);
    }

    [Fact]
    public async Task A_spool_that_cannot_be_made_is_exit_status_2()
    {
        await using var relay = new RelayProcess();
        await File.WriteAllTextAsync(relay.ConfigFile, "[spool]\npath = \"relay.toml\"\n[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"none\"\n[admin]\naddress = \"127.0.0.1:0\"\n[log]\nlevel = \"warning\"");
        Assert.Equal(2, await relay.RunAsync());
        Assert.StartsWith("relay: ", Assert.Single(relay.Errors), StringComparison.Ordinal);
        Assert.Empty(relay.Output);
    }
}
