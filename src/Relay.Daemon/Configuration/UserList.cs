using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Relay.Flow.Policy;

namespace Relay.Daemon.Configuration;

/// <summary>What a users file says.</summary>
internal sealed class UserList(List<Account> users, byte[] decoys)
{
    private const int DecoysLength = 32;

    /// <summary>In the order of the file; each name once.</summary>
    public List<Account> Users { get; } = users;

    /// <summary>One without users, with a secret of its own.</summary>
    public static UserList New() => new([], RandomNumberGenerator.GetBytes(DecoysLength));

    /// <summary><paramref name="defaults"/> hold for what a user has no value of his own for.</summary>
    public Accounts ToAccounts(UserLimits defaults) => new([.. Users.Select(u => u.Under(defaults))], decoys);

    /// <summary>The file's text.</summary>
    public string Format()
    {
        var text = new StringBuilder()
            .Append("# Who may log in. Written anew by each `relay user`: comments are lost then. A running relay reads it at SIGHUP.\n")
            .Append("# A secret, from which is made up what strangers are told of users that don't exist.\n")
            .Append("decoys = ").Append(TomlText.Quote(Convert.ToBase64String(decoys))).Append('\n');
        foreach (Account user in Users)
        {
            text.Append("\n[[user]]\nname = ").Append(TomlText.Quote(user.Name));
            if (user.Verifier is { } verifier)
            {
                text.Append("\npassword = ").Append(TomlText.Quote(verifier.Format()));
            }

            text.Append("\nsenders = [").AppendJoin(", ", user.Senders.Select(static s => TomlText.Quote(s.Text))).Append("]\n");
            if (user.Certificates.Count > 0)
            {
                text.Append("certificate = [").AppendJoin(", ", user.Certificates.Select(TomlText.Quote)).Append("]\n");
            }

            if (user.Tenant is { } tenant)
            {
                text.Append("tenant = ").Append(TomlText.Quote(tenant)).Append('\n');
            }

            foreach ((string key, long value) in Limits(user))
            {
                text.Append(CultureInfo.InvariantCulture, $"{key} = {value}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>What the file says of a user beside name, password and senders, in a few words.</summary>
    public static IEnumerable<(string Key, string Value)> More(Account user) =>
        user.Certificates.Select(static c => ("certificate", c))
            .Concat(user.Tenant is { } tenant ? [("tenant", tenant)] : [])
            .Concat(Limits(user).Select(static l => (l.Key, l.Value.ToString(CultureInfo.InvariantCulture))));

    private static IEnumerable<(string Key, long Value)> Limits(Account user)
    {
        (string Key, long? Value)[] all =
        [
            ("messages_per_hour", user.Limits.MessagesPerHour),
            ("messages_per_day", user.Limits.MessagesPerDay),
            ("recipients_per_hour", user.Limits.RecipientsPerHour),
            ("recipients_per_day", user.Limits.RecipientsPerDay),
            ("message_size", user.Limits.MessageSize),
        ];
        return all.Where(static l => l.Value is not null).Select(static l => (l.Key, l.Value!.Value));
    }
}
