using System.Diagnostics;
using Relay.Daemon.Configuration;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;

namespace Relay.Daemon.Tests;

public sealed class UserCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-users-").FullName;

    private string Users => Path.Combine(_folder, "users.toml");

    public void Dispose() => Directory.Delete(_folder, true);

    [Fact]
    public async Task A_user_is_added_listed_given_another_password_and_removed()
    {
        Assert.Equal((0, "", ""), await RunAsync("hunter2\n", "add", "alice", "--users", Users, "--sender", "alice@example.net", "--sender", "*@*.example.net"));
        Assert.Equal((0, "", ""), await RunAsync("other", "add", "bob", "--users", Users));
        Assert.Equal((0, "alice\talice@example.net *@*.example.net\nbob\t\n", ""), await RunAsync("", "list", "--users", Users));
        Assert.True(Verifier("alice").Matches("hunter2"u8));
        Assert.True(Verifier("bob").Matches("other"u8));
        Assert.DoesNotContain("hunter2", await File.ReadAllTextAsync(Users), StringComparison.Ordinal);
        Assert.Equal((0, "", ""), await RunAsync("n\u00e4chste\r\n", "passwd", "alice", "--users", Users));
        Assert.True(Verifier("alice").Matches("n\u00e4chste"u8));
        Assert.True(Verifier("bob").Matches("other"u8));
        Assert.Equal((0, "", ""), await RunAsync("", "remove", "bob", "--users", Users));
        Assert.Equal((0, "alice\talice@example.net *@*.example.net\n", ""), await RunAsync("", "list", "--users", Users));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Users));
        }

        Assert.Equal([Users], Directory.GetFiles(_folder));
    }

    [Theory]
    [InlineData("\n", "add", "alice", "there is no password")]
    [InlineData("a\u0007b\n", "add", "alice", "that is no password")]
    [InlineData("secret\n", "add", "al ice", "that is no name")]
    [InlineData("secret\n", "passwd", "nobody", "there is no file")]
    [InlineData("", "remove", "nobody", "there is no file")]
    public async Task What_is_wrong_is_told_and_leaves_no_file(string input, string command, string name, string error)
    {
        (int status, _, string errors) = await RunAsync(input, command, name, "--users", Users);
        Assert.Equal(1, status);
        Assert.StartsWith("relay: " + error, errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Users));
    }

    [Fact]
    public async Task A_user_is_there_once()
    {
        Assert.Equal(0, (await RunAsync("secret\n", "add", "alice", "--users", Users)).Status);
        string before = await File.ReadAllTextAsync(Users);
        Assert.Equal((1, "", $"relay: {Users} has a user alice already: `relay user passwd` changes the password, and `relay user change` what else it says of him\n"), await RunAsync("other\n", "add", "alice", "--users", Users));
        Assert.Equal((1, "", $"relay: {Users} has no user bob\n"), await RunAsync("other\n", "passwd", "bob", "--users", Users));
        Assert.Equal(before, await File.ReadAllTextAsync(Users));
    }

    [Fact]
    public async Task A_file_that_is_wrong_stays_as_it_is_and_its_line_is_told()
    {
        await File.WriteAllTextAsync(Users, "[[user]]\nname = \"alice\"\npassword = \"secret\"\n");
        (int status, _, string errors) = await RunAsync("x\n", "add", "bob", "--users", Users);
        Assert.Equal(1, status);
        Assert.StartsWith($"{Users}:3:12: this is not what is kept of a password", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", errors, StringComparison.Ordinal);
        Assert.Equal("[[user]]\nname = \"alice\"\npassword = \"secret\"\n", await File.ReadAllTextAsync(Users));
    }

    [Fact]
    public async Task What_else_stands_there_of_a_user_stays_when_the_password_changes()
    {
        Assert.Equal(0, (await RunAsync("secret\n", "add", "alice", "--users", Users, "--sender", "*@example.net")).Status);
        const string More = "tenant = \"shop\"\nmessages_per_hour = 7\nrecipients_per_day = 0\nmessage_size = 2097152\n";
        await File.AppendAllTextAsync(Users, More);
        Assert.Equal(0, (await RunAsync("other\n", "passwd", "alice", "--users", Users)).Status);
        Assert.Equal(0, (await RunAsync("secret\n", "add", "bob", "--users", Users)).Status);
        Assert.Contains("senders = [\"*@example.net\"]\n" + More, await File.ReadAllTextAsync(Users), StringComparison.Ordinal);
        Assert.True(Verifier("alice").Matches("other"u8));
    }

    [Fact]
    public async Task What_a_user_may_is_given_with_him_and_changed_later()
    {
        Assert.Equal((0, "", ""), await RunAsync("secret\n", "add", "alice", "--users", Users, "--sender", "*@example.net", "--tenant", "shop", "--messages-per-hour", "500", "--messages-per-day", "0",
            "--recipients-per-hour", "600", "--recipients-per-day", "1000000", "--message-size", "2MiB", "--certificate", "mail:alice@example.net"));
        Account alice = User("alice");
        Assert.Equal(new UserLimits { MessagesPerHour = 500, MessagesPerDay = 0, RecipientsPerHour = 600, RecipientsPerDay = 1_000_000, MessageSize = 2 * 1024 * 1024 }, alice.Limits);
        Assert.Equal("shop", alice.Tenant);
        Assert.Equal(["mail:alice@example.net"], alice.Certificates);

        // What isn't named stays; what is empty goes.
        Assert.Equal((0, "", ""), await RunAsync("", "change", "alice", "--users", Users, "--messages-per-hour", "7", "--messages-per-day", "", "--message-size", "", "--sender", "alice@example.net", "--certificate", ""));
        alice = User("alice");
        Assert.Equal(new UserLimits { MessagesPerHour = 7, RecipientsPerHour = 600, RecipientsPerDay = 1_000_000 }, alice.Limits);
        Assert.Equal("shop", alice.Tenant);
        Assert.Empty(alice.Certificates);
        Assert.True(alice.Verifier!.Matches("secret"u8));
        Assert.Equal((0, "alice\talice@example.net\ttenant=shop messages_per_hour=7 recipients_per_hour=600 recipients_per_day=1000000\n", ""), await RunAsync("", "list", "--users", Users));

        Assert.Equal((0, "", ""), await RunAsync("", "change", "alice", "--users", Users, "--tenant", "", "--sender", ""));
        Assert.Null(User("alice").Tenant);
        Assert.Empty(User("alice").Senders);
    }

    [Fact]
    public async Task Who_logs_in_by_a_certificate_needs_no_password_and_shares_it_with_nobody()
    {
        Assert.Equal((0, "", ""), await RunAsync("", "add", "host", "--users", Users, "--no-password", "--certificate", "dns:Host.example.net"));
        Assert.Null(User("host").Verifier);
        Assert.Equal(["dns:host.example.net"], User("host").Certificates);
        string before = await File.ReadAllTextAsync(Users);
        Assert.Equal((1, "", "relay: other couldn't log in: a user has a password, a certificate, or both\n"), await RunAsync("", "add", "other", "--users", Users, "--no-password"));
        Assert.Equal((1, "", "relay: host couldn't log in: a user has a password, a certificate, or both\n"), await RunAsync("", "change", "host", "--users", Users, "--certificate", ""));
        Assert.Equal((1, "", "relay: dns:host.example.net is a certificate of host: it can log in one\n"), await RunAsync("secret\n", "add", "other", "--users", Users, "--certificate", "dns:host.example.net"));
        Assert.Equal(before, await File.ReadAllTextAsync(Users));
    }

    [Theory]
    [InlineData("--messages-per-hour", "many", "\"many\" is no messages_per_hour: write a number from 0 (no limit) to 1000000")]
    [InlineData("--recipients-per-day", "1000001", "\"1000001\" is no recipients_per_day: write a number from 0 (no limit) to 1000000")]
    [InlineData("--messages-per-day", "-1", "")]
    [InlineData("--message-size", "25 MiB", "\"25 MiB\" is not a size")]
    [InlineData("--message-size", "0", "message_size is 1 octet or more")]
    [InlineData("--tenant", "a b", "\"a b\" is not a name")]
    [InlineData("--sender", "alice", "\"alice\" is not an address")]
    [InlineData("--certificate", "alice", "\"alice\" is not a certificate")]
    public async Task An_option_that_is_wrong_is_told_and_changes_nothing(string option, string value, string error)
    {
        Assert.Equal(0, (await RunAsync("secret\n", "add", "alice", "--users", Users)).Status);
        string before = await File.ReadAllTextAsync(Users);
        (int status, _, string errors) = await RunAsync("", "change", "alice", "--users", Users, option, value);
        Assert.Equal(1, status);
        Assert.StartsWith(error.Length == 0 ? "" : "relay: " + error, errors, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(Users));
    }

    private ScramVerifier Verifier(string name) => User(name).Verifier!;

    private Account User(string name)
    {
        var errors = new List<ConfigError>();
        UserList? list = UsersFile.Parse(File.ReadAllText(Users), Users, errors);
        Assert.Empty(errors);
        return list!.Users.Single(u => u.Name == name);
    }

    private static async Task<(int Status, string Output, string Errors)> RunAsync(string input, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "relay.dll"), "user", .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new System.Text.UTF8Encoding(false),
        })!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, errors);
    }
}
