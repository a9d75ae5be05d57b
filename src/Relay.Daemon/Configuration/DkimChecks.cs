using System.Globalization;
using Relay.Dkim;

namespace Relay.Daemon.Configuration;

/// <summary>Reads the keys that [[dkim]] names, before the engine gets to see them.</summary>
internal static class DkimChecks
{
    public static void Run(ConfigDraft draft, ConfigReader reader)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < draft.Dkim.All.Count; i++)
        {
            DkimDraft key = draft.Dkim.All[i];
            string path = string.Create(CultureInfo.InvariantCulture, $"dkim[{i}].");
            if (key.Domain is not null && key.Selector is not null && !names.Add($"{key.Selector}._domainkey.{key.Domain}"))
            {
                reader.Fail(draft.Where(path + "selector"), $"{key.Selector} is the selector of another key of {key.Domain} above: each key has one of its own");
            }

            Position place = draft.Where(path + "key");
            if (key.KeyPath is not null && CertificateFiles.TryRead(key.KeyPath, place, reader) is { } pem && DkimKeyFile.TryParse(pem, out _) is { } wrong)
            {
                reader.Fail(place, $"{key.KeyPath} {wrong}");
            }
        }
    }
}
