namespace Relay.Flow.Queue;

/// <summary>
/// What the sites have in common: how much longer they take for a message now than when they aren't busy. When most of them take longer, it is this machine, or its way to the world, that has all the work it can do, and no
/// site is to be blamed: it would be held down for as long as the rest is busy, while one that came later, and never saw better times, grows. Any thread; a few words of memory, whatever the number of sites.
/// </summary>
internal sealed class SiteCrowd(TimeProvider time)
{
    /// <summary>Fewer sites than these say nothing of what is usual.</summary>
    private const int Fewest = 8;

    private const int Places = 64;

    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(5);

    private readonly Place[] _places = new Place[Places];
    private int _joined;

    /// <summary>A place to report at; with many sites several have the same, and the last word there counts.</summary>
    public int Join() => (Interlocked.Increment(ref _joined) - 1) & (Places - 1);

    /// <summary>The site takes so many milliseconds longer than when it isn't busy.</summary>
    public void Report(int place, double excess)
    {
        Volatile.Write(ref _places[place].Excess, excess);
        Volatile.Write(ref _places[place].At, time.GetTimestamp());
    }

    /// <summary>So many milliseconds the middle one of those that reported lately takes longer; 0 when they are few.</summary>
    public double Usual()
    {
        Span<double> lately = stackalloc double[Places];
        int count = 0;
        long now = time.GetTimestamp();
        for (int i = 0; i < Places; i++)
        {
            long at = Volatile.Read(ref _places[i].At);
            if (at != 0 && time.GetElapsedTime(at, now) < Recent)
            {
                lately[count++] = Volatile.Read(ref _places[i].Excess);
            }
        }

        if (count < Fewest)
        {
            return 0;
        }

        lately = lately[..count];
        lately.Sort();
        return lately[count / 2];
    }

    private struct Place
    {
        public double Excess;
        public long At;
    }
}
