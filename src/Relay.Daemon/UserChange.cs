using System.CommandLine;
using System.Globalization;
using Relay.Daemon.Configuration;
using Relay.Flow.Policy;

namespace Relay.Daemon;

/// <summary>
/// What a user may, as options of `relay user add` and `relay user change`, by the names of the users file. An option that isn't there leaves what it is for as it is; with an empty value it takes it out of the file.
/// </summary>
internal sealed class UserChange
{
    private readonly Option<string[]> _senders = Many("--sender", "ADDRESS", "An address from which the user may send, *@domain for all of a domain, or *@*.domain for all below it; may stand there many times, and takes the place of those before. Without any, the user may send from none.");

    private readonly Option<string[]> _certificates = Many("--certificate", "CERTIFICATE", "A certificate by which the user logs in (EXTERNAL): sha256:FINGERPRINT, or of one that client_ca vouches for mail:ADDRESS or dns:HOST; may stand there many times, and takes the place of those before.");

    private readonly Option<string> _tenant = One("--tenant", "NAME", "The [[tenant]] whose mail the user's is.");

    private readonly Option<string> _messagesPerHour = One("--messages-per-hour", "NUMBER", "Messages in any hour; 0 is no limit. Without it, as with the others, what [submission] says holds.");

    private readonly Option<string> _messagesPerDay = One("--messages-per-day", "NUMBER", "Messages in any 24 hours.");

    private readonly Option<string> _recipientsPerHour = One("--recipients-per-hour", "NUMBER", "Recipients in any hour.");

    private readonly Option<string> _recipientsPerDay = One("--recipients-per-day", "NUMBER", "Recipients in any 24 hours.");

    private readonly Option<string> _messageSize = One("--message-size", "SIZE", "The size of a message, like 25MiB, where it is smaller than everybody's.");

    public Command AddTo(Command command)
    {
        foreach (Option option in (Option[])[_senders, _certificates, _tenant, _messagesPerHour, _messagesPerDay, _recipientsPerHour, _recipientsPerDay, _messageSize])
        {
            command.Add(option);
        }

        return command;
    }

    /// <summary>The user as the options want it; null when one of them is wrong, which <paramref name="error"/> tells.</summary>
    public Account? Apply(ParseResult parsed, Account user, out string? error)
    {
        string? wrong = null;
        List<SenderPattern>? senders = ParseAll(parsed.GetValue(_senders)!, Sender);
        List<string>? certificates = ParseAll(parsed.GetValue(_certificates)!, Certificate);
        string? tenant = user.Tenant;
        if (parsed.GetValue(_tenant) is { } name)
        {
            wrong = name.Length == 0 ? wrong : NameText.Parse(name, out _) ?? wrong;
            tenant = name.Length == 0 ? null : name;
        }

        var limits = new UserLimits
        {
            MessagesPerHour = Number(_messagesPerHour, user.Limits.MessagesPerHour),
            MessagesPerDay = Number(_messagesPerDay, user.Limits.MessagesPerDay),
            RecipientsPerHour = Number(_recipientsPerHour, user.Limits.RecipientsPerHour),
            RecipientsPerDay = Number(_recipientsPerDay, user.Limits.RecipientsPerDay),
            MessageSize = Size(user.Limits.MessageSize),
        };
        error = wrong;
        return wrong is null ? new Account(user.Name, user.Verifier, senders ?? user.Senders) { Certificates = certificates ?? user.Certificates, Tenant = tenant, Limits = limits } : null;

        SenderPattern? Sender(string text)
        {
            SenderPattern? sender = SenderPattern.Parse(text);
            wrong = sender is null ? $"\"{text}\" is not an address, \"*@domain\" or \"*@*.domain\"" : wrong;
            return sender;
        }

        string? Certificate(string text)
        {
            wrong = CertificateText.Parse(text, out string certificate) ?? wrong;
            return certificate;
        }

        int? Number(Option<string> option, int? before)
        {
            if (parsed.GetValue(option) is not { } text)
            {
                return before;
            }

            if (text.Length == 0)
            {
                return null;
            }

            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number > UsersFile.MaximumCount)
            {
                wrong = $"\"{text}\" is no {option.Name[2..].Replace('-', '_')}: write a number from 0 (no limit) to {UsersFile.MaximumCount}";
            }

            return number;
        }

        long? Size(long? before)
        {
            if (parsed.GetValue(_messageSize) is not { } text)
            {
                return before;
            }

            if (text.Length == 0)
            {
                return null;
            }

            wrong = SizeText.Parse(text, out long size) ?? (size == 0 ? "message_size is 1 octet or more" : wrong);
            return size;
        }
    }

    /// <summary>Null: nothing was given. One empty text: none.</summary>
    private static List<T>? ParseAll<T>(string[] texts, Func<string, T?> parse)
        where T : class
    {
        if (texts.Length == 0)
        {
            return null;
        }

        var parsed = new List<T>();
        foreach (string text in texts is [""] ? [] : texts)
        {
            if (parse(text) is { } value)
            {
                parsed.Add(value);
            }
        }

        return parsed;
    }

    private static Option<string> One(string name, string value, string description) => new(name) { Description = description, HelpName = value };

    private static Option<string[]> Many(string name, string value, string description) => new(name) { Description = description, HelpName = value, DefaultValueFactory = static _ => [] };
}
