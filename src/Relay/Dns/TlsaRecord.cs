namespace Relay.Dns;

/// <summary>
/// What a zone says of a server's certificate (RFC 6698 §2.1): of which certificate of its chain it speaks, of which part of that, in which form, and the data in hexadecimal capitals. Nothing is checked here:
/// zones hold all sorts of things, and what a record with unknown numbers or data of a wrong length means is for whoever uses it.
/// </summary>
public readonly record struct TlsaRecord(byte Usage, byte Selector, byte MatchingType, string Data);
