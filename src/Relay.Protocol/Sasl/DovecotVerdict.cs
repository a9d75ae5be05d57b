namespace Relay.Protocol.Sasl;

/// <summary>What Dovecot says to a response.</summary>
public enum DovecotVerdict : byte
{
    Continue,
    Ok,
    Fail,
}
