using System.Collections.Frozen;

namespace Relay.Daemon.Configuration;

/// <summary>The list of the addresses that exist: one a line, blank lines and lines that begin with # are skipped.</summary>
internal static class RecipientFile
{
    /// <summary>A file of another kind is wrong in every line; nobody reads them all.</summary>
    private const int MaximumErrors = 20;

    /// <summary>Adds the list to the draft, or the errors, which name the list's own file and line.</summary>
    public static void Read(ConfigDraft draft, ConfigReader reader, List<ConfigError> errors)
    {
        if (draft.RecipientsPath is not { } path || CertificateFiles.TryRead(path, draft.Where("access.recipients"), reader) is not { } text)
        {
            return;
        }

        var recipients = new List<string>();
        int wrong = 0;
        int number = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            number++;
            ReadOnlySpan<char> address = line.Trim();
            if (address.IsEmpty || address[0] == '#')
            {
                continue;
            }

            if (DomainText.ParseMailbox(address.ToString(), out string mailbox) is not { } error)
            {
                recipients.Add(mailbox);
            }
            else if (wrong++ < MaximumErrors)
            {
                errors.Add(new ConfigError(path, new Position(number, line.IndexOf(address[0]) + 1), error));
            }
        }

        draft.Access = draft.Access with { Recipients = recipients.ToFrozenSet(StringComparer.OrdinalIgnoreCase) };
    }
}
