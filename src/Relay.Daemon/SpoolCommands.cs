using System.CommandLine;
using System.Globalization;
using Relay.Daemon.Configuration;
using Relay.Protocol.Message;
using Relay.Spool;
using static Relay.Daemon.CommandResult;

namespace Relay.Daemon;

/// <summary>`relay spool …`: looks at a spool's folders from outside and changes nothing. Exit status: 0 fine, 1 something is wrong with what was found or given, 2 could not run.</summary>
internal static class SpoolCommands
{
    public static Command Create(Option<string?> config)
    {
        var paths = new Argument<string[]>("PATH") { Description = "Folders of the spool; without any, those of the configuration.", Arity = ArgumentArity.ZeroOrMore };
        var verify = new Command("verify", "Checks every segment, record and body, while no relay runs. Tells each problem in a line and changes nothing.") { config, paths };
        verify.SetAction(parsed => Run(parsed.GetValue(config), parsed.GetValue(paths), Verify));
        var list = new Command("list",
            "Lists the mail that waits, also beside a running relay (then as of a moment ago): id, arrival, octets, sender, recipients that are left, attempts, time of the next.") { config, paths };
        list.SetAction(parsed => Run(parsed.GetValue(config), parsed.GetValue(paths), List));
        var id = new Argument<string>("ID") { Description = "The message's id, as the client got it in its 250." };
        var output = new Option<string?>("--output") { Description = "The file to write, which must not exist; without it standard output.", HelpName = "FILE" };
        var export = new Command("export",
            "Writes a message that waits as .eml, also beside a running relay. Its envelope stands before its header, in fields that begin with X-Relay-; the rest is the message as it was accepted.")
        {
            id, output, config, new Option<string[]>("--path") { Description = "A folder of the spool; may be given many times. Without it, those of the configuration.", HelpName = "PATH" },
        };
        export.SetAction(parsed => Run(parsed.GetValue(config), parsed.GetValue<string[]>("--path"), folders => Export(folders, parsed.GetValue(id)!, parsed.GetValue(output))));
        return new Command("spool", "Looks at the spool from outside.") { verify, list, export };
    }

    private static int Run(string? given, string[]? paths, Func<IReadOnlyList<string>, int> command)
    {
        IReadOnlyList<string> folders = [.. (paths ?? []).Select(static p => Path.GetFullPath(p))];
        if (folders.Count == 0)
        {
            ConfigResult result = ConfigFile.Load(ConfigFile.Find(given));
            if (result.Options is not { } options)
            {
                foreach (ConfigError error in result.Errors)
                {
                    Console.Error.WriteLine(error);
                }

                return Wrong;
            }

            folders = options.Engine.Spool.Paths;
        }

        try
        {
            return command(folders);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(CouldNotRun, e.Message);
        }
    }

    private static int Verify(IReadOnlyList<string> folders)
    {
        var sum = default(SpoolVerdict);
        foreach (string folder in folders)
        {
            using SpoolInspector spool = SpoolInspector.Open(folder, alone: true);
            SpoolVerdict verdict = spool.Verify(Console.Out.WriteLine);
            sum = new SpoolVerdict(
                sum.Segments + verdict.Segments, sum.Records + verdict.Records, sum.Messages + verdict.Messages, sum.Unfinished + verdict.Unfinished, sum.Problems + verdict.Problems);
        }

        string unfinished = sum.Unfinished == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{sum.Unfinished} records never acknowledged, ");
        Console.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{sum.Segments} segments, {sum.Records} records, {sum.Messages} messages live, {unfinished}{sum.Problems} problems"));
        return sum.Problems == 0 ? Fine : Wrong;
    }

    private static int List(IReadOnlyList<string> folders)
    {
        foreach (string folder in folders)
        {
            using SpoolInspector spool = SpoolInspector.Open(folder, alone: false);
            spool.List(Console.Out);
        }

        return Fine;
    }

    private static int Export(IReadOnlyList<string> folders, string text, string? output)
    {
        if (!QueueId.TryParse(text, out QueueId id))
        {
            return Fail(Wrong, $"\"{text}\" is not a message's id: it has {QueueId.TextLength} letters and digits, as in the 250 to the client");
        }

        foreach (string folder in folders)
        {
            using SpoolInspector spool = SpoolInspector.Open(folder, alone: false);
            if (spool.TryExport(id, () => output is null ? Console.OpenStandardOutput() : new FileStream(output, FileMode.CreateNew)))
            {
                return Fine;
            }
        }

        return Fail(Wrong, $"no message {id} waits in {string.Join(", ", folders)}");
    }
}
