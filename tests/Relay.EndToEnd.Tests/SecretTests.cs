using System.Text;
using MailKit.Security;
using Relay.EndToEnd.Tests.Harness;
using Relay.Tests.Support;

namespace Relay.EndToEnd.Tests;

/// <summary>H32: what users log in with stands nowhere.</summary>
public sealed class SecretTests
{
    [Fact]
    public async Task H32_no_password_and_no_token_is_in_any_log_answer_or_file_in_clear_or_otherwise()
    {
        using var maker = new TokenMaker();
        using var keys = new TempFolder();
        string jwks = keys.Write("jwks.json", maker.Keys());
        const string Good = "Right-Zq7vK2mXw9";
        await using LoginRelay relay = await LoginRelay.StartAsync(
            new Dictionary<string, string> { ["alice"] = Good }, tables: $"[submission]\nmessages_per_hour = 100\n[oauth]\nissuer = \"{TokenMaker.Issuer}\"\naudience = [\"{TokenMaker.Audience}\"]\njwks = \"{jwks}\"",
            log: "level = \"trace\"");
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        string token = maker.Make(now, "alice");
        string old = maker.Make(now.AddHours(-1), "alice");
        var secrets = new List<string> { Good, token, old, token.Split('.')[2], old.Split('.')[2] };
        foreach (SaslMechanism right in new SaslMechanism[]
        {
            new SaslMechanismPlain("alice", Good), new SaslMechanismLogin("alice", Good), new SaslMechanismScramSha256("alice", Good), new SaslMechanismScramSha256Plus("alice", Good),
            new SaslMechanismOAuthBearer("alice", token), new SaslMechanismOAuth2("alice", token),
        })
        {
            await MailKitClient.SendAsync(relay.ImplicitPort, right, "by " + right.MechanismName);
            await relay.ArrivedAsync("by " + right.MechanismName);
        }

        int number = 0;
        string Wrong()
        {
            secrets.Add($"Wrong-{++number}-Hq3nB8tYc5");
            return secrets[^1];
        }

        foreach (SaslMechanism wrong in new SaslMechanism[]
        {
            new SaslMechanismPlain("alice", Wrong()), new SaslMechanismPlain("nobody", Wrong()), new SaslMechanismLogin("alice", Wrong()), new SaslMechanismScramSha256("alice", Wrong()), new SaslMechanismScramSha256Plus("nobody", Wrong()),
            new SaslMechanismOAuthBearer("alice", old), new SaslMechanismOAuth2("alice", old), new SaslMechanismOAuthBearer("alice", Wrong()),
        })
        {
            await Assert.ThrowsAsync<AuthenticationException>(() => MailKitClient.SendAsync(relay.ImplicitPort, wrong, "never"));
        }

        // In clear, where it isn't even looked at, and as a name by mistake.
        using (RawClient clear = await RawClient.ConnectAsync(relay.Process.Listeners[0]))
        {
            await clear.HelloAsync();
            Assert.StartsWith("538", await clear.CommandAsync("AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"\0alice\0{Wrong()}"))), StringComparison.Ordinal);
        }

        using var http = new HttpClient();
        string metrics = await http.GetStringAsync(new Uri(relay.Process.Admin, "/metrics"), TestContext.Current.CancellationToken);
        http.DefaultRequestHeaders.Add("Authorization", "Bearer " + (await File.ReadAllTextAsync(Path.Combine(relay.Process.Folder, "admin.token"), TestContext.Current.CancellationToken)).Trim());
        string queue = await http.GetStringAsync(new Uri(relay.Process.Admin, "/queue"), TestContext.Current.CancellationToken);
        await relay.Process.StopAsync();
        Assert.Contains("relay_messages_received", metrics, StringComparison.Ordinal);
        Assert.NotEmpty(queue);
        // The log is that of a trace.
        Assert.Contains(relay.Process.Errors, static l => l.Contains("an access token was refused", StringComparison.Ordinal));
        var texts = new Dictionary<string, string>
        {
            ["log"] = string.Join('\n', relay.Process.Errors),
            ["output"] = string.Join('\n', relay.Process.Output),
            ["metrics"] = metrics,
            ["queue"] = queue,
        };
        foreach (string file in Directory.EnumerateFiles(relay.Process.Folder, "*", SearchOption.AllDirectories))
        {
            texts[file] = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        }

        Assert.Contains(texts.Keys, static k => k.EndsWith("state/users.json", StringComparison.Ordinal));
        Assert.Contains(texts.Keys, static k => k.EndsWith("deliveries.jsonl", StringComparison.Ordinal));
        foreach ((string where, string text) in texts)
        {
            foreach (string form in secrets.SelectMany(Forms))
            {
                Assert.False(text.Contains(form, StringComparison.Ordinal), $"{form} is in {where}");
            }
        }

        // The search finds what is there.
        Assert.Contains(Forms("secret"), static f => Convert.ToBase64String(Encoding.ASCII.GetBytes("\0alice\0secret")).Contains(f, StringComparison.Ordinal));
    }

    /// <summary>Itself, in hexadecimal, and in base64 wherever in a group of three octets it begins, without the digits that its neighbours have a part in.</summary>
    private static IEnumerable<string> Forms(string secret)
    {
        byte[] octets = Encoding.UTF8.GetBytes(secret);
        yield return secret;
        yield return Convert.ToHexString(octets);
        yield return Convert.ToHexStringLower(octets);
        for (int before = 0; before < 3; before++)
        {
            string base64 = Convert.ToBase64String([.. new byte[before], .. octets]).TrimEnd('=');
            int from = (before * 4 + 2) / 3;
            int until = (before + octets.Length) * 4 / 3;
            yield return base64[from..until];
        }
    }
}
