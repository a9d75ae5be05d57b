using Microsoft.Extensions.Time.Testing;
using Relay.Flow.Queue;
using Relay.Protocol.Smtp;

namespace Relay.Tests.Flow.Queue;

/// <summary>
/// A site with always enough mail for it, in steps of 10 ms: it serves so many connections at a time and sends others away with 421, and its latency is what the test says for the number it serves.
/// It keeps a tally of what the limit under test let through.
/// </summary>
internal sealed class SimulatedSite(FakeTimeProvider time, SiteLimit limit)
{
    public static readonly PeerReply TooMany = new(421, new EnhancedStatusCode(4, 7, 0), "Too many connections from 192.0.2.1");
    public static readonly PeerReply NoAnswer = new(0, new EnhancedStatusCode(4, 4, 1), "connect failed: connection refused");

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    private readonly List<Connection> _connections = [];

    public int Capacity { get; set; } = int.MaxValue;

    /// <summary>Nothing answers.</summary>
    public bool IsDown { get; set; }

    public Func<int, TimeSpan> Latency { get; set; } = static _ => TimeSpan.FromMilliseconds(50);

    public int Taken { get; private set; }

    /// <summary>Connections that the site sent away or didn't answer.</summary>
    public int Refused { get; private set; }

    public int Most { get; private set; }

    public double MeanOpen { get; private set; }

    /// <summary>Runs on; the tally is of this run alone. Connections beyond a lower capacity are sent away.</summary>
    public void Run(TimeSpan duration)
    {
        Taken = Refused = Most = 0;
        long steps = duration.Ticks / Step.Ticks;
        long sum = 0;
        foreach (Connection surplus in _connections.Where(c => c.Served).Skip(Capacity))
        {
            surplus.Served = false;
        }

        for (long i = 0; i < steps; i++)
        {
            while (limit.TryOpen())
            {
                _connections.Add(new Connection { Epoch = limit.Epoch, Served = !IsDown && _connections.Count(c => c.Served) < Capacity, Began = time.GetUtcNow() });
            }

            sum += _connections.Count;
            Most = Math.Max(Most, _connections.Count);
            time.Advance(Step);
            int served = _connections.Count(c => c.Served);
            foreach (Connection connection in _connections.ToList())
            {
                Advance(connection, served);
            }
        }

        MeanOpen = (double)sum / steps;
    }

    private void Advance(Connection connection, int served)
    {
        TimeSpan latency = Latency(served);
        if (!connection.Served || IsDown)
        {
            Refused++;
            if (IsDown)
            {
                limit.Refused(connection.Epoch, 0, NoAnswer);
            }
            else
            {
                limit.Pushback(connection.Epoch, TooMany);
            }

            End(connection);
        }
        else if (time.GetUtcNow() - connection.Began >= latency)
        {
            Taken++;
            limit.Answered(connection.Epoch, latency);
            connection.Epoch = limit.Epoch;
            connection.Began = time.GetUtcNow();
            if (limit.IsOver)
            {
                End(connection);
            }
        }
    }

    private void End(Connection connection)
    {
        limit.Close();
        _connections.Remove(connection);
    }

    private sealed class Connection
    {
        public int Epoch { get; set; }

        public bool Served { get; set; }

        public DateTimeOffset Began { get; set; }
    }
}
