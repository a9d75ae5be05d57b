using DnsClient;

namespace Relay.Dns;

/// <summary>
/// What the servers gave for one question: a response with NOERROR or NXDOMAIN to just that question, or why there is none. <see cref="IsRefusal"/>: the server did
/// answer, with an error that it would give again.
/// </summary>
internal readonly record struct ServerAnswer(IDnsQueryResponse? Response, bool IsAuthentic = false, string Reason = "", bool IsRefusal = false)
{
    public static ServerAnswer Failed(string reason) => new(null, Reason: reason);

    public static ServerAnswer Refused(string reason) => new(null, Reason: reason, IsRefusal: true);
}
