namespace Relay.Protocol.Dkim;

/// <summary>
/// The hash of a message's body (RFC 6376 §3.4.3, §3.4.4, §3.7), while the body passes by in pieces of any size. Remembers no octet but the kind of white space that may turn out to stand at the
/// end of a line or of the body. Takes any octets, bare CR and LF too. One thread at a time; reused, message after message.
/// </summary>
public sealed class DkimBodyHash(DkimCanonicalization canonicalization) : IDisposable
{
    private readonly HashStream _hash = new();

    // What was read and is not hashed yet, in this order: so many line ends, white space, a CR.
    private long _lineEnds;
    private bool _space;
    private bool _cr;
    private bool _hasContent;

    public DkimCanonicalization Canonicalization => canonicalization;

    public void Append(ReadOnlySpan<byte> text)
    {
        var marks = new Marks(text);
        int at = 0;
        while (at < text.Length)
        {
            byte octet = text[at];
            if (octet == '\n' && _cr)
            {
                _cr = false;
                _space = false;
                _lineEnds++;
                at++;
            }
            else if (octet == '\r')
            {
                if (_cr)
                {
                    Release();
                }

                _cr = true;
                at++;
            }
            else if (canonicalization == DkimCanonicalization.Relaxed && octet is (byte)' ' or (byte)'\t')
            {
                if (_cr)
                {
                    Release();
                }

                _space = true;
                at++;
            }
            else
            {
                Release();
                int end = canonicalization == DkimCanonicalization.Relaxed ? marks.EndOfRelaxedRun(at) : marks.EndOfLine(at);
                _hash.Append(text[at..end]);
                _hasContent = true;
                at = end;
            }
        }
    }

    /// <summary>The body has ended: its hash, 32 octets. What is appended next belongs to another body.</summary>
    public void Finish(Span<byte> hash)
    {
        if (_cr)
        {
            // It was no line end after all.
            Release();
        }
        else if (_space && canonicalization == DkimCanonicalization.Relaxed)
        {
            _space = false;
        }

        // Line ends at the end go but for one, and that is added where there is none. A body of nothing is a line end to the one form and nothing to the other.
        if (_hasContent || canonicalization == DkimCanonicalization.Simple)
        {
            _hash.Append("\r\n"u8);
        }

        _hash.Finish(hash);
        Forget();
    }

    /// <summary>Forgets the body so far.</summary>
    public void Reset()
    {
        _hash.Reset();
        Forget();
    }

    public void Dispose() => _hash.Dispose();

    /// <summary>Something follows what was held back, so it counts.</summary>
    private void Release()
    {
        if (_lineEnds == 0 && !_space && !_cr)
        {
            return;
        }

        for (; _lineEnds > 0; _lineEnds--)
        {
            _hash.Append("\r\n"u8);
        }

        if (_space)
        {
            _hash.Append(" "u8);
            _space = false;
        }

        if (_cr)
        {
            _hash.Append("\r"u8);
            _cr = false;
        }

        _hasContent = true;
    }

    private void Forget()
    {
        _lineEnds = 0;
        _space = false;
        _cr = false;
        _hasContent = false;
    }

    /// <summary>Where in a piece the next octets of each kind stand that may not be hashed as they are. Each is looked for only behind the last one, so a piece is searched once for each kind.</summary>
    private ref struct Marks(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> _text = text;
        private int _cr = -1;
        private int _tab = -1;
        private int _spaces = -1;

        public int EndOfLine(int from)
        {
            if (_cr < from)
            {
                _cr = Next(from, _text[from..].IndexOf((byte)'\r'));
            }

            return _cr;
        }

        public int EndOfRelaxedRun(int from)
        {
            if (_tab < from)
            {
                _tab = Next(from, _text[from..].IndexOf((byte)'\t'));
            }

            if (_spaces < from)
            {
                _spaces = Next(from, _text[from..].IndexOf("  "u8));
            }

            int end = Math.Min(EndOfLine(from), Math.Min(_tab, _spaces));
            // One space in front of the end is part of what is looked at next; the run has another octet at least.
            return _text[end - 1] == ' ' ? end - 1 : end;
        }

        private readonly int Next(int from, int found) => found < 0 ? _text.Length : from + found;
    }
}
