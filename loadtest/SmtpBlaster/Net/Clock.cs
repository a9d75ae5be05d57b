using System.Diagnostics;

namespace SmtpBlaster.Net;

/// <summary>
/// Time in nanoseconds that never runs back, and the same moment as microseconds since 1970, which other processes can compare. Read once for the wall clock: a clock that is set while a run lasts changes nothing.
/// </summary>
internal static class Clock
{
    public const long Second = 1_000_000_000;
    public const long Millisecond = 1_000_000;

    private static readonly long Scale = Second / Stopwatch.Frequency;
    private static readonly long WallOffset = (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10 - (Stopwatch.GetTimestamp() * Scale / 1000);

    public static long Now => Stopwatch.GetTimestamp() * Scale;

    public static long Micros(long now) => WallOffset + (now / 1000);

    public static DateTimeOffset Wall(long now) => DateTimeOffset.UnixEpoch.AddTicks(Micros(now) * 10);

    public static long Nanoseconds(TimeSpan span) => span.Ticks * 100;
}
