using System.Security.Cryptography;
using System.Text;
using Relay.Flow;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;

namespace Relay.Daemon.Configuration;

/// <summary>
/// Reads the users file: TOML with <c>decoys</c> and, for each user, <c>[[user]]</c> with <c>name</c>, <c>password</c> (never the password itself), <c>senders</c>, <c>certificate</c>, <c>tenant</c> and the limits of [submission].
/// Errors name its own lines.
/// </summary>
internal static class UsersFile
{
    /// <summary>A file of another kind is wrong in every line; nobody reads them all.</summary>
    private const int MaximumErrors = 20;

    /// <summary>Of messages and recipients in a window.</summary>
    public const int MaximumCount = 1_000_000;

    private static readonly string[] Keys = ["name", "password", "senders", "certificate", "tenant", "messages_per_hour", "messages_per_day", "recipients_per_hour", "recipients_per_day", "message_size"];

    /// <summary>Puts the accounts into the draft, or tells the errors.</summary>
    public static void Read(ConfigDraft draft, ConfigReader reader, List<ConfigError> errors)
    {
        if (draft.UsersPath is { } path && CertificateFiles.TryRead(path, draft.Where("access.users"), reader) is { } text)
        {
            draft.Accounts = Parse(text, path, errors, draft.Tenants.All.Select(static t => t.Options.Name))?.ToAccounts(draft.UserLimits);
        }
    }

    /// <summary><paramref name="tenants"/>: those that there are; null when that isn't known. Null when there is something wrong; it is added to <paramref name="errors"/>, whose others don't matter.</summary>
    public static UserList? Parse(string text, string file, List<ConfigError> errors, IEnumerable<string>? tenants = null)
    {
        var own = new List<ConfigError>();
        UserList? list = TomlTree.Parse(text, file, own) is { } root ? Parse(root, file, own, tenants?.Append(TenantOptions.Default).ToArray()) : null;
        errors.AddRange(own.Take(MaximumErrors));
        return own.Count == 0 ? list : null;
    }

    private static UserList Parse(ConfigNode root, string file, List<ConfigError> errors, string[]? tenants)
    {
        void Fail(Position position, string message) => errors.Add(new ConfigError(file, position, message));

        var users = new List<Account>();
        // Without it, for the time of this process.
        byte[] decoys = RandomNumberGenerator.GetBytes(32);
        foreach (ConfigEntry entry in root.Entries)
        {
            if (entry.Name == "decoys")
            {
                if (entry.Value.Kind != ConfigKind.String || !TryBase64(entry.Value.Text, out decoys) || decoys.Length < 16)
                {
                    Fail(entry.Value.Position, "decoys is a secret of 16 octets or more in base64: leave it out, or let `relay user` write the file");
                }
            }
            else if (entry.Name != "user")
            {
                Fail(entry.Position, $"unknown key {entry.Name} in a users file: known are decoys and [[user]]");
            }
            else if (entry.Value.Kind != ConfigKind.Array || entry.Value.Items.Any(static i => i.Kind != ConfigKind.Table))
            {
                Fail(entry.Position, "there may be many users: write [[user]] and its keys below, once for each");
            }
            else
            {
                foreach (ConfigNode item in entry.Value.Items)
                {
                    if (ReadUser(item, tenants, Fail) is not { } user)
                    {
                        continue;
                    }

                    if (user.Certificates.FirstOrDefault(c => users.Exists(u => u.Certificates.Contains(c))) is { } taken)
                    {
                        Fail(item.Position, $"{taken} is a certificate of a user above: it can log in one");
                    }

                    if (users.Exists(u => u.Name == user.Name))
                    {
                        Fail(item.Position, $"{user.Name} is the name of a user above: each has one [[user]]");
                    }

                    users.Add(user);
                }
            }
        }

        return new UserList(users, decoys);
    }

    private static Account? ReadUser(ConfigNode item, string[]? tenants, Action<Position, string> fail)
    {
        int before = 0;
        void Fail(Position position, string message)
        {
            before++;
            fail(position, message);
        }

        foreach (ConfigEntry entry in item.Entries.Where(static e => !Keys.Contains(e.Name)))
        {
            Fail(entry.Position, $"unknown key {entry.Name} in [[user]]: known are {string.Join(", ", Keys)}");
        }

        ConfigNode? name = Value(item, "name", Fail);
        if (name is not null && (name.Kind != ConfigKind.String || !PreparedText.IsName(Encoding.UTF8.GetBytes(name.Text))))
        {
            Fail(name.Position, "a name is a string of 1 to 255 octets without white space, control characters and combining marks");
        }

        List<string> certificates = ReadCertificates(item, Fail);
        bool hasPassword = !item.Entries.Exists(static e => e.Name == "certificate") || item.Entries.Exists(static e => e.Name == "password");
        ConfigNode? password = hasPassword ? Value(item, "password", Fail) : null;
        ScramVerifier? verifier = password?.Kind == ConfigKind.String ? ScramVerifier.Parse(password.Text) : null;
        if (password is not null && verifier is null)
        {
            // Not what stands there: it may be the password.
            Fail(password.Position, "this is not what is kept of a password, SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey with 10000 to 1000000 iterations: let `relay user passwd` write it");
        }

        IReadOnlyList<SenderPattern> senders = ReadSenders(item, Fail);
        string? tenant = ReadTenant(item, tenants, Fail);
        UserLimits limits = ReadLimits(item, Fail);
        return before == 0 ? new Account(name!.Text, verifier, senders) { Certificates = certificates, Limits = limits, Tenant = tenant } : null;
    }

    private static List<string> ReadCertificates(ConfigNode item, Action<Position, string> fail)
    {
        var certificates = new List<string>();
        if (item.Entries.Find(static e => e.Name == "certificate")?.Value is not { } given)
        {
            return certificates;
        }

        foreach (ConfigNode node in given.Kind == ConfigKind.Array ? given.Items : [given])
        {
            if (node.Kind != ConfigKind.String)
            {
                fail(node.Position, "certificate is \"sha256:…\", \"mail:user@domain\" or \"dns:host\", or a list of such");
            }
            else if (CertificateText.Parse(node.Text, out string certificate) is { } wrong)
            {
                fail(node.Position, wrong);
            }
            else
            {
                certificates.Add(certificate);
            }
        }

        return certificates;
    }

    private static List<SenderPattern> ReadSenders(ConfigNode item, Action<Position, string> fail)
    {
        var senders = new List<SenderPattern>();
        if (item.Entries.Find(static e => e.Name == "senders")?.Value is not { } list)
        {
            return senders;
        }

        if (list.Kind != ConfigKind.Array)
        {
            fail(list.Position, "senders is a list of addresses: write [\"alice@example.net\", \"*@example.org\"]");
        }

        foreach (ConfigNode sender in list.Items)
        {
            if (sender.Kind == ConfigKind.String && SenderPattern.Parse(sender.Text) is { } pattern)
            {
                senders.Add(pattern);
            }
            else
            {
                fail(sender.Position, $"\"{sender.Text}\" is not an address, \"*@domain\" or \"*@*.domain\"");
            }
        }

        return senders;
    }

    private static string? ReadTenant(ConfigNode item, string[]? tenants, Action<Position, string> fail)
    {
        if (Optional(item, "tenant") is not { } tenant)
        {
            return null;
        }

        if (tenant.Kind != ConfigKind.String || NameText.Parse(tenant.Text, out _) is not null)
        {
            fail(tenant.Position, "tenant is the name of a [[tenant]], in quotes");
        }
        else if (tenants?.Contains(tenant.Text) == false)
        {
            fail(tenant.Position, $"there is no [[tenant]] {tenant.Text}{(Suggestion.Nearest(tenant.Text, tenants) is { } near ? $": did you mean {near}?" : "")}");
        }

        return tenant.Text;
    }

    private static UserLimits ReadLimits(ConfigNode item, Action<Position, string> fail)
    {
        int? Number(string key)
        {
            if (Optional(item, key) is not { } value)
            {
                return null;
            }

            if (value.Kind != ConfigKind.Integer || value.Integer is < 0 or > MaximumCount)
            {
                fail(value.Position, $"{key} is a number from 0 (no limit) to {MaximumCount}, without quotes");
                return null;
            }

            return (int)value.Integer;
        }

        long? size = null;
        if (Optional(item, "message_size") is { } text)
        {
            long octets = text.Integer;
            if ((text.Kind != ConfigKind.Integer && (text.Kind != ConfigKind.String || SizeText.Parse(text.Text, out octets) is not null)) || octets < 1)
            {
                fail(text.Position, "message_size is a size like \"25MiB\", or a number of octets");
            }

            size = octets;
        }

        return new UserLimits
        {
            MessagesPerHour = Number("messages_per_hour"),
            MessagesPerDay = Number("messages_per_day"),
            RecipientsPerHour = Number("recipients_per_hour"),
            RecipientsPerDay = Number("recipients_per_day"),
            MessageSize = size,
        };
    }

    private static ConfigNode? Optional(ConfigNode item, string key) => item.Entries.Find(e => e.Name == key)?.Value;

    private static ConfigNode? Value(ConfigNode item, string key, Action<Position, string> fail)
    {
        ConfigNode? value = item.Entries.Find(e => e.Name == key)?.Value;
        if (value is null)
        {
            fail(item.Position, $"this [[user]] has no {key}: let `relay user add` write it");
        }

        return value;
    }

    private static bool TryBase64(string text, out byte[] octets)
    {
        octets = new byte[text.Length];
        bool valid = Convert.TryFromBase64String(text, octets, out int length);
        octets = octets[..length];
        return valid;
    }
}
