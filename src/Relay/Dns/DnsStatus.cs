namespace Relay.Dns;

/// <summary>What a look-up said. Only <see cref="NoData"/> and <see cref="NameError"/> may ever fail a message for good.</summary>
public enum DnsStatus
{
    Found,

    /// <summary>The name exists, without a record of this type (RFC 2308 §2.2).</summary>
    NoData,

    /// <summary>The name doesn't exist (NXDOMAIN, RFC 2308 §2.1).</summary>
    NameError,

    /// <summary>No answer to build on: SERVFAIL, REFUSED, a time-out, an answer to another question. Ask again later.</summary>
    TemporaryFailure,
}
