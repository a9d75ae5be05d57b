using System.CommandLine;
using System.Reflection;
using System.Security.Cryptography;
using Relay.Daemon.Configuration;
using Relay.Daemon.Hosting;
using Relay.Daemon.Probe;
using Relay.Spool;
using static Relay.Daemon.CommandResult;

namespace Relay.Daemon;

/// <summary>The command line. Exit status: 0 fine, 1 the input or the configuration is wrong, 2 could not run; always with a clear line on standard error.</summary>
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
                await Console.Error.WriteLineAsync($"relay: {error}").ConfigureAwait(false);
            }

            return Wrong;
        }

        // Signals are the host's: it stops within a grace time of its own.
        return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }).ConfigureAwait(false);
    }

    private static RootCommand CommandLine()
    {
        var config = new Option<string?>("--config")
        {
            Description = "The configuration file; without it ./relay.toml, and without that the embedded default: SMTP on 127.0.0.1:2525 for this machine.",
            HelpName = "FILE",
        };
        var serve = new Command("serve", "Runs the relay. The same as no command.") { config };
        serve.SetAction((parsed, _) => ServeAsync(parsed.GetValue(config)));
        var check = new Command("check", "Validates a configuration file and prints the effective configuration, defaults included.") { config };
        check.SetAction(parsed => Check(parsed.GetValue(config)));
        var version = new Command("version", "Prints the version.");
        version.SetAction(static _ => Print($"relay {Version}\n"));
        var schema = new Command("schema", "Prints the JSON schema of the configuration file, for editors.");
        schema.SetAction(static _ => Print(ConfigSchema.Generate()));
        var root = new RootCommand("Relay, an SMTP relay that loses nothing it has acknowledged.")
        {
            config, serve, check, SpoolCommands.Create(config), QueueCommands.Queue(config), QueueCommands.Why(config), MessageCommands.Trace(config), AbuseCommands.Create(config), UserCommands.Create(), DkimCommands.Create(TimeProvider.System),
            ProbeCommand.Create(TimeProvider.System), version, schema,
        };
        root.SetAction((parsed, _) => ServeAsync(parsed.GetValue(config)));
        return root;
    }

    private static int Print(string text)
    {
        Console.Out.Write(text);
        return Fine;
    }

    private static int Check(string? given)
    {
        ConfigResult result = ConfigFile.Load(ConfigFile.Find(given));
        if (result.Options is not { } options)
        {
            return Refuse(result);
        }

        if (options.Engine.Spool.Durability == Durability.Os)
        {
            // On standard error: the output is a configuration.
            Console.Error.WriteLine("relay: warning: durability = \"os\": a power cut may lose acknowledged mail");
        }

        return Print(ConfigPrinter.Print(options));
    }

    private static int Refuse(ConfigResult result)
    {
        foreach (ConfigError error in result.Errors)
        {
            Console.Error.WriteLine(error);
        }

        return Wrong;
    }

    private static async Task<int> ServeAsync(string? given)
    {
        string? file = ConfigFile.Find(given);
        ConfigResult result = ConfigFile.Load(file);
        if (result.Options is not { } options)
        {
            return Refuse(result);
        }

        try
        {
            await RelayHost.RunAsync(options, file).ConfigureAwait(false);
            return Fine;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return Fail(CouldNotRun, e.Message);
        }
    }
}
