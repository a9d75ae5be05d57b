using System.CommandLine;
using System.Reflection;
using static SmtpBlaster.CommandResult;

namespace SmtpBlaster;

/// <summary>The command line. Exit status: 0 fine, 1 what was given is wrong, or mail was lost or altered, 2 could not run; always with a clear line on standard error.</summary>
internal static class Program
{
    private static string Version => typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public static async Task<int> Main(string[] args)
    {
        ParseResult parsed = CommandLine().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (string error in parsed.Errors.Select(static e => e.Message))
            {
                await Console.Error.WriteLineAsync($"smtp-blaster: {error}").ConfigureAwait(false);
            }

            string command = parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
            await Console.Error.WriteLineAsync($"smtp-blaster: \"smtp-blaster {command}--help\" tells what there is").ConfigureAwait(false);
            return Wrong;
        }

        // The commands see to Ctrl-C themselves: they end in order, with the figures so far.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }).ConfigureAwait(false);
    }

    private static RootCommand CommandLine()
    {
        var version = new Command("version", "Prints the version.");
        version.SetAction(static _ =>
        {
            Console.Out.WriteLine($"smtp-blaster {Version}");
            return Fine;
        });
        return new RootCommand("Load for mail servers: sends mail, takes mail, and keeps account of what became of it.") { SourceCommand.Create(), SinkCommand.Create(), RunCommand.Create(), version };
    }
}
