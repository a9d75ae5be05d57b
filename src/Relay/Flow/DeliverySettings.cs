using Relay.Flow.Queue;
using Relay.Flow.Route;
using Relay.Flow.Send;

namespace Relay.Flow;

/// <summary>What deliveries need from the configuration, prepared once; a reload swaps the whole, and a worker keeps the one it began with.</summary>
internal sealed record DeliverySettings(DeliveryOptions Options, MxResolver Routes, TlsDecision Tls, Connector Connector, SmtpClientSession Session, RetrySchedule Retry, SiteLimits Limits, TenantTable Tenants);
