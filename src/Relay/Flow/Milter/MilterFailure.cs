namespace Relay.Flow.Milter;

/// <summary>How asking a milter failed: the metric's label, and in words.</summary>
internal sealed record MilterFailure(MilterFailureKind Kind, string Words)
{
    public static readonly MilterFailure TimedOut = new(MilterFailureKind.Timeout, "it does not answer in time");

    public static readonly MilterFailure Closed = new(MilterFailureKind.Closed, "the connection was closed");
}
