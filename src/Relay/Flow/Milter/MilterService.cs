using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Relay.Concurrency;
using Relay.Dns;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Milter;

/// <summary>One configured milter, shared by all sessions of a listener: connects, counts, and says in the log when it fails and when it is back, not each time. Any thread.</summary>
internal sealed class MilterService(MilterOptions options, IDialer dialer, IDnsResolver dns, Heartbeat heartbeat, RelayMetrics metrics, ILogger log)
{
    /// <summary>A milter that goes on failing is spoken of so often.</summary>
    private static readonly TimeSpan LogEvery = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Reply? _onFailure = options.OnFailure switch
    {
        MilterOnFailure.TempFail => Replies.FilterFailed451,
        MilterOnFailure.Reject => Replies.FilterFailed550,
        _ => null,
    };

    private long _loggedAt;
    private long _failures;

    public MilterOptions Options => options;

    public Heartbeat Heartbeat => heartbeat;

    public TimeProvider Time => heartbeat.Time;

    public RelayMetrics Metrics => metrics;

    public ILogger Log => log;

    /// <summary>What a client is answered when the milter fails; null: nothing, it goes on without it.</summary>
    public Reply? OnFailure => _onFailure;

    /// <summary>The milters of this list that are asked on a listener; null when there is none.</summary>
    public static IReadOnlyList<MilterService>? For(
        IReadOnlyList<MilterOptions> all, bool isSubmission, IDialer dialer, IDnsResolver dns, Heartbeat heartbeat, RelayMetrics metrics, ILogger log)
    {
        MilterService[] those = [.. all.Where(m => isSubmission ? m.ForSubmission : m.ForRelay).Select(m => new MilterService(m, dialer, dns, heartbeat, metrics, log))];
        return those.Length == 0 ? null : those;
    }

    /// <summary>A connection on which nothing was said yet, or why there is none.</summary>
    public async ValueTask<(Dialed? Dialed, MilterFailure? Failure)> DialAsync()
    {
        using var timeout = new CancellationTokenSource(options.ConnectTimeout, Time);
        try
        {
            SocketException? last = null;
            foreach (EndPoint address in await AddressesAsync(timeout.Token).ConfigureAwait(false))
            {
                try
                {
                    return (await dialer.DialAsync(address, null, timeout.Token).ConfigureAwait(false), null);
                }
                catch (SocketException e)
                {
                    last = e;
                }
            }

            return (null, new MilterFailure(MilterFailureKind.Connect, last is null ? "its name is not known in DNS" : $"it can't be reached: {last.Message}"));
        }
        catch (OperationCanceledException)
        {
            return (null, MilterFailure.TimedOut);
        }
    }

    public void Failed(string stage, MilterFailure failure)
    {
        metrics.MilterFailed(options.Name, failure.Kind.ToString());
        long now = Time.GetTimestamp();
        lock (_gate)
        {
            if (_failures++ > 0 && Time.GetElapsedTime(_loggedAt, now) < LogEvery)
            {
                return;
            }

            _loggedAt = now;
        }

        MilterLog.Failed(log, options.Name, stage, LogText.Clean(failure.Words), options.OnFailure.ToString().ToLowerInvariant());
    }

    /// <summary>It has seen a message to its end.</summary>
    public void Worked()
    {
        if (Volatile.Read(ref _failures) == 0)
        {
            return;
        }

        long failures;
        lock (_gate)
        {
            (failures, _failures) = (_failures, 0);
        }

        if (failures > 0)
        {
            MilterLog.Recovered(log, options.Name, failures);
        }
    }

    private async ValueTask<IReadOnlyList<EndPoint>> AddressesAsync(CancellationToken cancel)
    {
        if (options.Address is not DnsEndPoint name)
        {
            return [options.Address];
        }

        if (name.Host == "localhost")
        {
            return [new IPEndPoint(IPAddress.Loopback, name.Port), new IPEndPoint(IPAddress.IPv6Loopback, name.Port)];
        }

        DnsAnswer<IPAddress> v4 = await dns.Ipv4Async(name.Host, cancel).ConfigureAwait(false);
        DnsAnswer<IPAddress> v6 = await dns.Ipv6Async(name.Host, cancel).ConfigureAwait(false);
        return [.. v4.Records.Concat(v6.Records).Select(a => new IPEndPoint(a, name.Port))];
    }
}
