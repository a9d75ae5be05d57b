using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Relay.Daemon.Hosting;

/// <summary>The log of the process: standard error, one line an event, UTC. The level can be changed at any time.</summary>
internal sealed class HostLogging
{
    private volatile LogLevel _level;
    private volatile bool _started;

    public HostLogging(ILoggingBuilder logging, LogLevel level)
    {
        _level = level;
        logging.AddSimpleConsole(static console =>
        {
            console.SingleLine = true;
            console.IncludeScopes = false;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fff'Z '";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        logging.Services.Configure<ConsoleLoggerOptions>(static console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;
            // A reader of our standard error that has stopped must never stop the mail.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
        // The factory lets everything through to the filter, which knows the level of the moment.
        logging.SetMinimumLevel(LogLevel.Trace).AddFilter(IsEnabled);
    }

    public LogLevel Level
    {
        get => _level;
        set => _level = value;
    }

    /// <summary>From now on the framework may complain. Before, a failure ends the process with one line of ours, which its log of the same, with a stack, would only hide.</summary>
    public void Started() => _started = true;

    private bool IsEnabled(string? category, LogLevel level) =>
        level >= _level && (category?.StartsWith("Microsoft.", StringComparison.Ordinal) != true || (_started && level >= LogLevel.Warning));
}
