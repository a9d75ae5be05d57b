using System.Net;

namespace Relay.Flow.Milter;

/// <summary>What is known of a session, for macros and for a milter that comes in later. Its session's loop keeps it up to date.</summary>
internal sealed class MilterClientInfo
{
    /// <summary>Our own name.</summary>
    public required string Hostname { get; init; }

    /// <summary>Where the client has connected to.</summary>
    public required IPEndPoint Listener { get; init; }

    public IPEndPoint Client { get; set; } = new(IPAddress.None, 0);

    /// <summary>The client's name by DNS; null: there is none, or it isn't known.</summary>
    public string? ClientName { get; set; }

    /// <summary>May relay for its address.</summary>
    public bool IsTrusted { get; set; }

    /// <summary>Empty before EHLO.</summary>
    public string Hello { get; set; } = "";

    public string? TlsVersion { get; set; }

    public string? Cipher { get; set; }

    public string? Login { get; set; }

    public string? AuthType { get; set; }

    public string? QueueId { get; set; }

    public string Sender { get; set; } = "";

    public string Recipient { get; set; } = "";

    /// <summary>We have refused the recipient with this; null: not.</summary>
    public Protocol.Smtp.Reply? RecipientRefusal { get; set; }

    /// <summary>As a milter gets it: an address in brackets where there is no name (libmilter's xxfi_connect).</summary>
    public string ShownName => ClientName ?? $"[{Client.Address}]";
}
