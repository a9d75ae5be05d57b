namespace Relay.Dns;

/// <summary>
/// The answer to one question, as a value. <see cref="Records"/> is empty unless <see cref="Status"/> is Found. <see cref="Authentic"/>: the AD bit of a resolver
/// that is trusted for it. <see cref="Reason"/> says for a log line what went wrong with a temporary failure. <see cref="TimeToLive"/>: how long the answer may be
/// kept, as its zone says (the shortest of a chain of records, the SOA's for a negative answer); who keeps answers puts its own limits to it. <see cref="Name"/>: where the records were found, which
/// behind aliases is another name than was asked for; in lower case, empty unless they were found.
/// </summary>
public sealed record DnsAnswer<T>(DnsStatus Status, IReadOnlyList<T> Records, bool Authentic = false, string Reason = "", TimeSpan TimeToLive = default, string Name = "");
