namespace Relay.Protocol.Smtp;

/// <summary>
/// Notes of a message that comes by BDAT (RFC 3030) what <see cref="DataDecoder"/> notes of one that comes by DATA; the octets themselves are the message and pass unchanged.
/// One per message, begun as <c>default</c>; takes pieces of any size; one thread at a time.
/// </summary>
public struct ChunkScanner
{
    private LineScan _scan;

    /// <summary>A CR without LF or an LF without CR came somewhere; asked at the end of the message, also a CR as its last octet.</summary>
    public readonly bool HasBareLineEnding => _scan.HasBareLineEnding || _scan.Position == LinePosition.AfterCr;

    /// <summary>Some line begins with a dot: sending the message by DATA will need dot-stuffing.</summary>
    public bool HasLeadingDot { get; private set; }

    /// <summary>Some octet is above 127.</summary>
    public readonly bool HasEightBit => _scan.HasEightBit;

    /// <summary>The text so far ends with CRLF, or there is none yet.</summary>
    public readonly bool EndsWithLine => _scan.Position == LinePosition.Start;

    public void Scan(ReadOnlySpan<byte> text)
    {
        int run = _scan.FindLeadingDot(text);
        while (run < text.Length)
        {
            HasLeadingDot = true;
            _scan.Position = LinePosition.Inside;
            text = text[(run + 1)..];
            run = _scan.FindLeadingDot(text);
        }
    }
}
