namespace Relay.Protocol.Sasl;

/// <summary>The mechanisms by which we can log in as a client (RFC 4422), weakest first.</summary>
[Flags]
public enum SaslMechanisms : byte
{
    None = 0,

    /// <summary>Never standardised, and all that some old servers know: name and password, each in a response of its own.</summary>
    Login = 1,

    /// <summary>RFC 4616.</summary>
    Plain = 1 << 1,

    /// <summary>RFC 7677: the password doesn't leave us, and the server proves that it knows it too.</summary>
    ScramSha256 = 1 << 2,
}
