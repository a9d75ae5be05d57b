using System.Globalization;

namespace Relay.Flow.Queue;

/// <summary>
/// How long a site takes for a message, from the message's end to the reply: smoothed, against the shortest of the last minutes, which is what it takes when it isn't busy.
/// A site that is slower than it was a while ago for another reason than our load becomes the measure itself in time. A mutable struct for a field of its owner.
/// </summary>
internal struct SiteLatency
{
    /// <summary>The weight of a new sample, as in TCP's estimate of the round trip (RFC 6298 §2).</summary>
    private const double Alpha = 1.0 / 8;

    /// <summary>Differences of so many milliseconds are the network's and the disk's, not load.</summary>
    private const double Noise = 50;

    /// <summary>The shortest is that of the present span and of the one before.</summary>
    private static readonly TimeSpan Span = TimeSpan.FromMinutes(2);

    private double _smoothed;
    private double _shortest;
    private double _shortestBefore;
    private long _since;
    private bool _any;

    private readonly double Shortest => Math.Min(_shortest, _shortestBefore);

    /// <summary>So many milliseconds it takes longer than the shortest.</summary>
    public readonly double Excess => _smoothed - Shortest;

    /// <summary>More than twice the shortest, and more than sites take longer anyhow (<see cref="SiteCrowd.Usual"/>): the site has all the work it can do at once.</summary>
    public readonly bool IsRising(SiteCrowd? crowd) => Exceeds(2, crowd);

    /// <summary>More than four times the shortest: messages of ours wait for each other there.</summary>
    public readonly bool IsHigh(SiteCrowd? crowd) => Exceeds(4, crowd);

    public void Add(TimeSpan sample, TimeProvider time)
    {
        double value = sample.TotalMilliseconds;
        TimeSpan elapsed = _any ? time.GetElapsedTime(_since) : TimeSpan.MaxValue;
        if (elapsed >= Span)
        {
            _shortestBefore = elapsed < 2 * Span ? _shortest : double.PositiveInfinity;
            _shortest = double.PositiveInfinity;
            _since = time.GetTimestamp();
        }

        _shortest = Math.Min(_shortest, value);
        _smoothed = _any ? _smoothed + Alpha * (value - _smoothed) : value;
        _any = true;
    }

    private readonly bool Exceeds(double factor, SiteCrowd? crowd)
    {
        double most = factor * Shortest + Noise;
        return _smoothed > most && (crowd is null || _smoothed > most + factor * crowd.Usual());
    }

    public override readonly string ToString() => string.Create(CultureInfo.InvariantCulture, $"latency {_smoothed:0} ms against {Shortest:0} ms");
}
