namespace Relay.Protocol.Message;

/// <summary>
/// Counts the Received fields of a message's header section (RFC 5321 §6.3) while it passes by, as it is stored and as BDAT brings it, or as it comes by DATA, where a line may begin with
/// a dot that isn't part of it. Takes pieces of any size, looks at each octet once and remembers none; one per message; one thread at a time.
/// </summary>
public struct HeaderScan
{
    // Where in a line the next octet stands: so many octets of the name matched, or one of these.
    private const int Rest = -1;
    private const int AfterCr = -2;

    private readonly bool _stuffed;
    private int _state;
    private bool _pastDot;

    /// <summary>With <paramref name="stuffed"/> a dot at the start of a line is taken off before anything is made of the line (RFC 5321 §4.5.2).</summary>
    public HeaderScan(bool stuffed) => _stuffed = stuffed;

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
                NewLine();
                continue;
            }

            byte octet = raw[0];
            raw = raw[1..];
            if (octet == '\n')
            {
                // A line that ends where it began, or behind its CR, is the empty one.
                Ended = _state is 0 or AfterCr;
                NewLine();
            }
            else if (_stuffed && _state == 0 && octet == '.' && !_pastDot)
            {
                _pastDot = true;
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

    private void NewLine()
    {
        _state = 0;
        _pastDot = false;
    }
}
