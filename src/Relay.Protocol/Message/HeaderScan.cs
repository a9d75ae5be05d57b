namespace Relay.Protocol.Message;

/// <summary>
/// Counts the Received fields of a message's header section (RFC 5321 §6.3) while it passes by, as it came on the wire or as it is stored.
/// Begun as <c>default</c>; takes pieces of any size, looks at each octet once and remembers none; one thread at a time.
/// </summary>
public struct HeaderScan
{
    // Where in a line the next octet stands: so many octets of the name matched, or one of these.
    private const int Rest = -1;
    private const int AfterCr = -2;

    private int _state;

    private static ReadOnlySpan<byte> Name => "received:"u8;

    /// <summary>The empty line that ends the header section was seen.</summary>
    public bool Ended { get; private set; }

    public int ReceivedCount { get; private set; }

    public void Scan(ReadOnlySpan<byte> raw)
    {
        while (!raw.IsEmpty && !Ended)
        {
            if (_state == Rest)
            {
                int end = raw.IndexOf((byte)'\n');
                if (end < 0)
                {
                    return;
                }

                raw = raw[(end + 1)..];
                _state = 0;
                continue;
            }

            byte octet = raw[0];
            raw = raw[1..];
            if (octet == '\n')
            {
                // A line that ends where it began, or behind its CR, is the empty one.
                Ended = _state is 0 or AfterCr;
                _state = 0;
            }
            else if (_state == 0 && octet == '\r')
            {
                _state = AfterCr;
            }
            else if (_state >= 0 && (octet is >= (byte)'A' and <= (byte)'Z' ? octet | 0x20 : octet) == Name[_state])
            {
                _state++;
                if (_state == Name.Length)
                {
                    ReceivedCount++;
                    _state = Rest;
                }
            }
            else
            {
                _state = Rest;
            }
        }
    }
}
