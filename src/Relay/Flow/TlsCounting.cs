using Relay.Flow.Queue;
using Relay.Flow.Send;
using Relay.Flow.TlsReports;
using Relay.Protocol.Policy;

namespace Relay.Flow;

/// <summary>
/// What one worker's tries at TLS are counted as: a connection serves many domains, each of which gets it counted once; and a host that failed counts for each domain whose mail this worker had for it. One worker's.
/// </summary>
internal sealed class TlsCounting(TlsTally tally, MtaStsPolicy? sts)
{
    /// <summary>Beyond, a connection isn't counted for domains that come late.</summary>
    private const int MostDomains = 1000;

    private readonly List<TlsSession> _failures = [];
    private readonly HashSet<(int Failure, string Domain)> _counted = [];

    /// <summary>A transaction of a destination begins on a connection.</summary>
    public void Begun(OutboundConnection connection, Destination destination)
    {
        ConnectionKey key = connection.Key;
        if (destination.Route is null && key.Tls.Level != OutboundTls.None && (connection.CountedFor?.Count ?? 0) < MostDomains && (connection.CountedFor ??= new HashSet<string>(StringComparer.Ordinal)).Add(destination.Name))
        {
            // Without a policy nobody asked for a certificate (RFC 8460 §4.3.1): what counts then is whether there is TLS.
            TlsFault fault = key.Tls.Kind == TlsPolicyKind.Configured && connection.Hop.Tls is not null ? TlsFault.None : connection.TlsFault;
            if (key.Tls.Kind == TlsPolicyKind.MtaStsTesting && fault == TlsFault.None && sts?.Allows(key.Host) == false)
            {
                fault = TlsFault.ValidationFailure;
            }

            tally.Add(destination.Name, new TlsSession(key.Tls, sts, key.Host, key.Address, connection.Hop.Source, fault, ""));
        }
    }

    /// <summary>Nothing could be handed to a host.</summary>
    public void Failed(AttemptFailure failure, in ConnectionKey tried, string? from)
    {
        if (failure.Tls != TlsFault.None)
        {
            _failures.Add(new TlsSession(tried.Tls, sts, tried.Host, tried.Address, from, failure.Tls, failure.Reply.Text));
        }
    }

    /// <summary>A message of a destination has been dealt with.</summary>
    public void Ended(Destination destination)
    {
        for (int i = 0; i < _failures.Count && destination.Route is null; i++)
        {
            if (_counted.Add((i, destination.Name)))
            {
                tally.Add(destination.Name, _failures[i]);
            }
        }
    }
}
