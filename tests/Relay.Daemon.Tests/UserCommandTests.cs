using System.Diagnostics;
using Relay.Daemon.Configuration;
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
        Assert.Equal((1, "", $"relay: {Users} has a user alice already: `relay user passwd` changes the password\n"), await RunAsync("other\n", "add", "alice", "--users", Users));
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

    private ScramVerifier Verifier(string name)
    {
        var errors = new List<ConfigError>();
        UserList? list = UsersFile.Parse(File.ReadAllText(Users), Users, errors);
        Assert.Empty(errors);
        return list!.Users.Single(u => u.Name == name).Verifier!;
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
