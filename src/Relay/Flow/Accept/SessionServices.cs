using Microsoft.Extensions.Logging;
using Relay.Concurrency;
using Relay.Dkim;
using Relay.Flow.Abuse;
using Relay.Flow.Login;
using Relay.Flow.Milter;
using Relay.Flow.Policy;
using Relay.Flow.Queue;
using Relay.Spool;
using Relay.Telemetry;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>What every session of every listener shares. Immutable; the parts are safe on any thread.</summary>
internal sealed class SessionServices
{
    public required MessageSpool Spool { get; init; }

    public required MessageSigner Signer { get; init; }

    public required MessageQueue Queue { get; init; }

    public required ConnectionLimit Connections { get; init; }

    public required AbuseGuard Abuse { get; init; }

    public required CurrentLogins Logins { get; init; }

    public required UserTally Usage { get; init; }

    public required Heartbeat Heartbeat { get; init; }

    public required RelayMetrics Metrics { get; init; }

    public required DeliveryLog Deliveries { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILogger Log { get; init; }

    /// <summary>Null: no listener speaks TLS.</summary>
    public required ServerCertificates? Certificates { get; init; }

    /// <summary>Of the handshakes of all listeners that speak TLS.</summary>
    public required Turns Handshakes { get; init; }

    /// <summary>The milters that are asked on a listener, by options that may be new; null: there is nobody to dial them.</summary>
    public Func<EngineOptions, ListenerOptions, IReadOnlyList<MilterService>?>? MiltersOf { get; init; }

    /// <summary>Fires when the relay stops: idle clients are told so, others once their message is settled.</summary>
    public required CancellationToken Stopping { get; init; }
}
