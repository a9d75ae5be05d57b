using Relay.Dns;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// What a listener's sessions need from the configuration, prepared once: a reload swaps the whole, a session keeps the one it began with.
/// What EHLO offers and what the parser takes come from the same flags. Immutable; any thread.
/// </summary>
internal sealed class AcceptSettings
{
    private readonly Extensions _always;
    private readonly Extensions _inClear;

    public AcceptSettings(EngineOptions options, ListenerOptions listener, ReverseLookup reverse)
    {
        Hostname = options.Hostname;
        Limits = options.Limits;
        Access = options.Access;
        Permission = new RelayPermission(options.Access, options.Hostname);
        Role = listener.Role;
        ReverseLookup = options.Dns.Reverse ? reverse : null;
        Greeting = new Reply(ReplyCode.ServiceReady220, $"{options.Hostname} ESMTP Relay");
        Blocked = new Reply(ReplyCode.TransactionFailed554, $"{options.Hostname} takes no mail from you");
        HeloReply = new Reply(ReplyCode.Completed250, options.Hostname);
        _always = Extensions.Pipelining | Extensions.Size | Extensions.EightBitMime | Extensions.EnhancedStatusCodes;
        _inClear = listener.Tls == ListenerTls.StartTls ? Extensions.StartTls : Extensions.None;
        EhloReply = new EhloReply(options.Hostname, options.Limits);
    }

    public string Hostname { get; }

    public LimitOptions Limits { get; }

    public AccessOptions Access { get; }

    public RelayPermission Permission { get; }

    public ListenerRole Role { get; }

    /// <summary>Null: the names of clients aren't looked up.</summary>
    public ReverseLookup? ReverseLookup { get; }

    public Reply Greeting { get; }

    /// <summary>The greeting for a client that is turned away (RFC 5321 §3.1).</summary>
    public Reply Blocked { get; }

    public Reply HeloReply { get; }

    public EhloReply EhloReply { get; }

    /// <summary>What this client is offered now.</summary>
    public Extensions Offered(bool tls) => _always | (tls ? Extensions.None : _inClear);
}
