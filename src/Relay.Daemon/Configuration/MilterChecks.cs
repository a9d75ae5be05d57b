using System.Globalization;

namespace Relay.Daemon.Configuration;

/// <summary>What no key of a [[milter]] can see alone.</summary>
internal static class MilterChecks
{
    public static void Run(ConfigDraft draft, ConfigReader reader)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < draft.Milters.All.Count; i++)
        {
            if (draft.Milters.All[i].Name is { } name && !names.Add(name))
            {
                reader.Fail(draft.Where(string.Create(CultureInfo.InvariantCulture, $"milter[{i}].name")), $"{name} is the name of a milter above: each has one of its own, by which logs and metrics know it");
            }
        }
    }
}
