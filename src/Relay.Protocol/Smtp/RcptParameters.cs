namespace Relay.Protocol.Smtp;

/// <summary>The parameters of RCPT that were offered and given; the default value stands for none. The span lies in the line that was parsed and lives as long as it does.</summary>
public ref struct RcptParameters
{
    public DsnNotify Notify { get; set; }

    /// <summary>ORCPT, "type;xtext" as it came (RFC 3461 §4.2); empty when there was none. Of type utf-8 it may hold UTF-8 as it is (RFC 6533 §3).</summary>
    public ReadOnlySpan<byte> OriginalRecipient { get; set; }
}
