using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Daemon.Hosting;

namespace Relay.Daemon.Tests.Hosting;

public sealed class LogLinesTests
{
    [Fact]
    public void An_event_is_one_line_whatever_its_message_and_exception_hold()
    {
        using var text = new StringWriter();
        var entry = new LogEntry<string>(LogLevel.Warning, "relay", new EventId(7), "one\r\ntwo", new InvalidOperationException("three\nfour"), static (state, _) => state);

        new LogLines(new Clock()).Write(entry, null, text);

        Assert.Equal("2026-03-04T05:06:07.089Z warn: relay[7] one two System.InvalidOperationException: three four\n", text.ToString());
    }

    private sealed class Clock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 3, 4, 5, 6, 7, 89, TimeSpan.Zero);
    }
}
