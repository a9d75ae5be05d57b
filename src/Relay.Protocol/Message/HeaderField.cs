namespace Relay.Protocol.Message;

/// <summary>Where one field stands in a <see cref="HeaderSection"/>: its first octet, octets of its name, and all its octets with the CRLF at its end.</summary>
public readonly record struct HeaderField(int Start, int NameLength, int Length);
