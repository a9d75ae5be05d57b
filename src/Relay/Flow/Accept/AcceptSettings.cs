using System.Net;
using Relay.Dns;
using Relay.Flow.Abuse;
using Relay.Flow.Milter;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>
/// What a listener's sessions need from the configuration, prepared once: a reload swaps the whole, a session keeps the one it began with.
/// What EHLO offers and what the parser takes come from the same flags. Immutable; any thread.
/// </summary>
internal sealed class AcceptSettings
{
    /// <summary>Offered to everybody.</summary>
    private const Extensions Always = Extensions.Pipelining | Extensions.Size | Extensions.EightBitMime | Extensions.SmtpUtf8 | Extensions.Chunking | Extensions.EnhancedStatusCodes |
        Extensions.DeliverBy | Extensions.Dsn | Extensions.Limits;

    private readonly Extensions _always;
    private readonly Extensions _inClear;
    private readonly Extensions _inTls;
    private readonly Extensions _external;
    private readonly Extensions _relaying;
    private readonly AbuseOptions _abuse;
    private readonly IReadOnlyList<IPNetwork> _trusted;
    private readonly NetworkSet _allowed;
    private readonly NetworkSet _denied;
    private readonly IReadOnlyList<string> _routed;

    public AcceptSettings(EngineOptions options, ListenerOptions listener, ReverseLookup reverse, DomainCheck domains, SessionServices services)
    {
        Hostname = options.Hostname;
        Limits = options.Limits;
        MaximumHold = options.Smtp.MaximumHold;
        Access = options.Access;
        Permission = new RelayPermission(options.Access, options.Hostname);
        Role = listener.Role;
        _trusted = [.. options.Access.RelayFrom, .. options.Access.XClientFrom, .. listener.ProxyFrom];
        _allowed = new NetworkSet(options.Abuse.Allow);
        _denied = new NetworkSet(options.Access.Blocked);
        _abuse = options.Abuse;
        GreetDelay = options.Abuse.Enabled && listener.Role == ListenerRole.Relay ? options.Abuse.GreetDelay : TimeSpan.Zero;
        ListWait = options.Abuse.ListWait;
        Tls = services.Certificates is { } certificates ? new TlsAcceptor(certificates, listener.Profile ?? options.Tls.Profile, listener.ClientCertificate, services.Time, services.Handshakes) : null;
        Milters = services.MiltersOf?.Invoke(options, listener);
        ReverseLookup = options.Dns.Reverse ? reverse : null;
        Domains = options.Access.CheckDomains ? domains : null;
        _routed = [.. options.Routes.Select(static r => r.Domain), .. options.Access.RelayDomains];
        Greeting = new Reply(ReplyCode.ServiceReady220, $"{options.Hostname} ESMTP Relay");
        Blocked = new Reply(ReplyCode.TransactionFailed554, $"{options.Hostname} takes no mail from this address");
        HeloReply = new Reply(ReplyCode.Completed250, options.Hostname);
        EhloReply = new EhloReply(options);
        _always = Always | (options.Smtp.BinaryMime ? Extensions.BinaryMime : Extensions.None);
        _inClear = listener.Tls == ListenerTls.StartTls ? Extensions.StartTls : Extensions.None;
        // A password is for TLS only (RFC 4954 §4), and so is the wish for TLS all the way (RFC 8689 §3).
        _inTls = Extensions.RequireTls | (options.Accounts is null && options.Dovecot is null ? Extensions.None : Extensions.Auth);
        // Dovecot knows nothing of certificates.
        _external = options.Accounts is null || options.Dovecot is not null ? Extensions.None : Extensions.AuthExternal;
        // A stranger can't leave mail with us to be sent at a time of his choice, nor have it sent before others'.
        _relaying = Extensions.MtPriority | (MaximumHold > TimeSpan.Zero ? Extensions.FutureRelease : Extensions.None);
    }

    public string Hostname { get; }

    public LimitOptions Limits { get; }

    public TimeSpan MaximumHold { get; }

    public AccessOptions Access { get; }

    public RelayPermission Permission { get; }

    public ListenerRole Role { get; }

    /// <summary>Those that are asked on this listener, in order; null: none.</summary>
    public IReadOnlyList<MilterService>? Milters { get; }

    /// <summary>How long a stranger waits for the greeting, without a word.</summary>
    public TimeSpan GreetDelay { get; }

    /// <summary>How long RCPT waits for what DNS lists say of the client.</summary>
    public TimeSpan ListWait { get; }

    /// <summary>Null: no listener speaks TLS.</summary>
    public TlsAcceptor? Tls { get; }

    /// <summary>Null: the names of clients aren't looked up.</summary>
    public ReverseLookup? ReverseLookup { get; }

    /// <summary>Null: domains aren't looked up while a client waits.</summary>
    public DomainCheck? Domains { get; }

    public Reply Greeting { get; }

    /// <summary>The greeting for a client that is turned away (RFC 5321 §3.1).</summary>
    public Reply Blocked { get; }

    public Reply HeloReply { get; }

    public EhloReply EhloReply { get; }

    /// <summary>How a client from there is looked upon.</summary>
    public Origin OriginOf(IPAddress address)
    {
        bool isTrusted = IPAddress.IsLoopback(address) || _trusted.Covers(address);
        Standing standing = AllowedPrefix(address) >= 0 ? Standing.Allowed : isTrusted ? Standing.Trusted : Standing.Stranger;
        return new Origin(address, standing, mayBan: standing == Standing.Stranger || (standing == Standing.Trusted && _abuse.BanTrusted));
    }

    /// <summary>Whether clients from there are turned away at the greeting. Of networks within each other the narrower one counts, and of two that are the same the denied one.</summary>
    public bool IsBlocked(IPAddress address) => Math.Max(_denied.Narrowest(address), _abuse.DeniedByFile.Narrowest(address)) is var denied && denied >= 0 && denied >= AllowedPrefix(address);

    /// <summary>Whether mail for the domain goes where its MX records say, and not by a route of ours.</summary>
    public bool GoesByMx(string domain) => !_routed.Any(pattern => DomainPattern.Matches(pattern, domain));

    /// <summary>What this client is offered now.</summary>
    public Extensions Offered(bool tls, SessionClient client) =>
        _always | (tls ? _inTls : _inClear) | (client.MayRelay ? _relaying : Extensions.None) | (client.IsProxy ? Extensions.XClient : Extensions.None) |
        (client.Certificate is null ? Extensions.None : _external);

    private int AllowedPrefix(IPAddress address) => Math.Max(_allowed.Narrowest(address), _abuse.AllowedByFile.Narrowest(address));
}
