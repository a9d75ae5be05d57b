using System.CommandLine;
using SmtpBlaster.Report;
using static SmtpBlaster.CommandResult;

namespace SmtpBlaster;

/// <summary>The options that say where a report goes, for all commands, and the writing.</summary>
internal sealed class ReportOutput
{
    private readonly Option<string?> _json = new("--json") { Description = "Writes the report as JSON; \"-\" for standard output, instead of the text.", HelpName = "FILE" };
    private readonly Option<string?> _html = new("--html") { Description = "Writes the report as a page with plots that needs nothing else.", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        command.Add(_json);
        command.Add(_html);
    }

    /// <summary>The exit status: <paramref name="status"/> when all could be written.</summary>
    public int Write(ParseResult parsed, RunReport report, int status)
    {
        try
        {
            string? json = parsed.GetValue(_json);
            if (json == "-")
            {
                using Stream output = Console.OpenStandardOutput();
                output.Write(JsonReport.Write(report));
            }
            else
            {
                Console.Out.Write(TextReport.Write(report));
            }

            if (json is not (null or "-"))
            {
                File.WriteAllBytes(json, JsonReport.Write(report));
            }

            if (parsed.GetValue(_html) is { } html)
            {
                File.WriteAllText(html, HtmlReport.Write(report));
            }

            return status;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(CouldNotRun, $"the report can't be written: {e.Message}");
        }
    }
}
