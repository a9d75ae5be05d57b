namespace Relay.Flow.Queue;

/// <summary>A change of a site's limit of connections, for whoever asks why: from how many to how many (0: left alone for a time), and what the relay saw, in plain words.</summary>
internal readonly record struct LimitChange(DateTimeOffset Time, int From, int To, string Saw);
