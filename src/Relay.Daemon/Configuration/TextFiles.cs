using Relay.Flow.Settle;

namespace Relay.Daemon.Configuration;

/// <summary>The files of rules and texts that a configuration names: read into the draft, or their errors told with the files' own names and lines.</summary>
internal static class TextFiles
{
    public static void Read(ConfigDraft draft, ConfigReader reader, List<ConfigError> errors)
    {
        if (draft.ClassesPath is { } classes && CertificateFiles.TryRead(classes, draft.Where("delivery.classes"), reader) is { } rules)
        {
            draft.Delivery = draft.Delivery with { Classes = ClassRules.Parse(rules, (line, error) => errors.Add(new ConfigError(classes, new Position(line, 1), error))) };
        }

        if (draft.ReportTextsPath is { } texts && CertificateFiles.TryRead(texts, draft.Where("reports.texts"), reader) is { } own)
        {
            draft.Reports = draft.Reports with { Texts = ReportTexts.Parse(own, (line, error) => errors.Add(new ConfigError(texts, new Position(line, 1), error))) };
        }
    }
}
