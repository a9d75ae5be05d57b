using System.Globalization;
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
    public AcceptSettings(EngineOptions options, ListenerOptions listener, ReverseLookup reverse)
    {
        Hostname = options.Hostname;
        Limits = options.Limits;
        Permission = new RelayPermission(options.Access, options.Hostname);
        Role = listener.Role;
        ReverseLookup = options.Dns.Reverse ? reverse : null;
        Greeting = new Reply(ReplyCode.ServiceReady220, $"{options.Hostname} ESMTP Relay");
        HeloReply = new Reply(ReplyCode.Completed250, options.Hostname);
        OfferedInClear = Base | (listener.Tls == ListenerTls.StartTls ? Extensions.StartTls : Extensions.None);
        OfferedInTls = Base;
        EhloInClear = Ehlo(OfferedInClear);
        EhloInTls = Ehlo(OfferedInTls);
    }

    private const Extensions Base = Extensions.Pipelining | Extensions.Size | Extensions.EightBitMime | Extensions.EnhancedStatusCodes;

    public string Hostname { get; }

    public LimitOptions Limits { get; }

    public RelayPermission Permission { get; }

    public ListenerRole Role { get; }

    /// <summary>Null: the names of clients aren't looked up.</summary>
    public ReverseLookup? ReverseLookup { get; }

    public Reply Greeting { get; }

    public Reply HeloReply { get; }

    public Extensions OfferedInClear { get; }

    public Extensions OfferedInTls { get; }

    public Reply EhloInClear { get; }

    public Reply EhloInTls { get; }

    private Reply Ehlo(Extensions offered)
    {
        var lines = new List<string> { Hostname };
        void Offer(Extensions extension, string keyword)
        {
            if (offered.HasFlag(extension))
            {
                lines.Add(keyword);
            }
        }

        Offer(Extensions.Pipelining, "PIPELINING");
        Offer(Extensions.Size, string.Create(CultureInfo.InvariantCulture, $"SIZE {Limits.MessageSize}"));
        Offer(Extensions.EightBitMime, "8BITMIME");
        Offer(Extensions.StartTls, "STARTTLS");
        Offer(Extensions.EnhancedStatusCodes, "ENHANCEDSTATUSCODES");
        return new Reply(ReplyCode.Completed250, string.Join('\n', lines));
    }
}
