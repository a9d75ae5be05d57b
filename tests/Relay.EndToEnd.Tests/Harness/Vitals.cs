namespace Relay.EndToEnd.Tests.Harness;

/// <summary>One look at a running relay.</summary>
/// <param name="Seconds">Since the run began.</param>
/// <param name="Life">How often the relay had been started before.</param>
/// <param name="Memory">Resident, in bytes.</param>
/// <param name="Files">Open descriptors.</param>
/// <param name="Threads">Of the process, all kinds.</param>
/// <param name="Spool">Bytes of all files in the spool's folder.</param>
/// <param name="Log">Bytes of the delivery log that is being written.</param>
/// <param name="Waiting">Recipients in the queue.</param>
/// <param name="Pauses">Seconds that the garbage collector has stopped this life so far.</param>
internal readonly record struct Vitals(double Seconds, int Life, long Memory, int Files, int Threads, long Spool, long Log, long Waiting, double Pauses)
{
    public static Vitals Of(RelayProcess relay, Metrics metrics, double seconds, int life)
    {
        metrics.Read();
        return new Vitals(
            seconds,
            life,
            relay.Memory,
            relay.OpenFiles,
            relay.Threads,
            new DirectoryInfo(Path.Combine(relay.Folder, "spool")).EnumerateFiles().Sum(static file => file.Exists ? file.Length : 0),
            File.Exists(relay.Deliveries.Path) ? new FileInfo(relay.Deliveries.Path).Length : 0,
            (long)metrics.Last("relay_queue_recipients"),
            metrics.Last("dotnet_gc_pause_time_seconds_total"));
    }

    /// <summary>How fast something grows, a minute, by least squares.</summary>
    public static double Slope(IReadOnlyCollection<Vitals> samples, Func<Vitals, double> of)
    {
        if (samples.Count < 2)
        {
            return 0;
        }

        double x = samples.Average(static s => s.Seconds);
        double y = samples.Average(of);
        double spread = samples.Sum(s => (s.Seconds - x) * (s.Seconds - x));
        return spread == 0 ? 0 : 60 * samples.Sum(s => (s.Seconds - x) * (of(s) - y)) / spread;
    }

    /// <summary>What the collector stopped between each two looks at the same life, in seconds: no single pause was longer than the greatest.</summary>
    public static IEnumerable<double> PausesBetween(IReadOnlyList<Vitals> samples) =>
        samples.Zip(samples.Skip(1)).Where(static pair => pair.First.Life == pair.Second.Life).Select(static pair => pair.Second.Pauses - pair.First.Pauses);
}
