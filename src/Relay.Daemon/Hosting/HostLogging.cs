using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Relay.Daemon.Hosting;

/// <summary>The log of the process: standard error, one line an event, UTC. The level can be changed at any time. Disposing it writes what is left.</summary>
internal sealed class HostLogging : IDisposable
{
    private volatile LogLevel _level;
    private volatile bool _started;

    public HostLogging(LogLevel level)
    {
        _level = level;
        // Put together by hand: what a container would make of it took a fifth of a start.
        var options = new ConsoleLoggerOptions
        {
            FormatterName = LogLines.FormatName,
            LogToStandardErrorThreshold = LogLevel.Trace,
            // A reader of our standard error that has stopped must never stop the mail.
            QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite,
        };
        // The factory lets everything through to the filter, which knows the level of the moment.
        var filter = new LoggerFilterOptions { MinLevel = LogLevel.Trace, Rules = { new LoggerFilterRule(null, null, null, (_, category, at) => IsEnabled(category, at)) } };
        Factory = new LoggerFactory([new ConsoleLoggerProvider(new Fixed(options), [new LogLines(TimeProvider.System)])], filter);
    }

    /// <summary>Apart from the web host, which is made while the spool is opened: both log.</summary>
    public ILoggerFactory Factory { get; }

    public LogLevel Level
    {
        get => _level;
        set => _level = value;
    }

    /// <summary>From now on the framework may complain. Before, a failure ends the process with one line of ours, which its log of the same, with a stack, would only hide.</summary>
    public void Started() => _started = true;

    public void Dispose() => Factory.Dispose();

    private bool IsEnabled(string? category, LogLevel level) =>
        level >= _level && (category?.StartsWith("Microsoft.", StringComparison.Ordinal) != true || (_started && level >= LogLevel.Warning));

    private sealed class Fixed(ConsoleLoggerOptions options) : IOptionsMonitor<ConsoleLoggerOptions>
    {
        public ConsoleLoggerOptions CurrentValue => options;

        public ConsoleLoggerOptions Get(string? name) => options;

        public IDisposable? OnChange(Action<ConsoleLoggerOptions, string?> listener) => null;
    }
}
