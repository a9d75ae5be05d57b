using System.Buffers.Text;
using SmtpBlaster.Messages;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>One message after the other as a client gives it: its sender, its recipients' numbers, and its content by DATA or in chunks, read and not kept. Tells its worker what came of it.</summary>
internal sealed class SinkTransaction(SinkWorker worker, SinkReplies replies)
{
    private const int MaximumRecipients = 100_000;

    private readonly SinkOptions _options = worker.Options;
    private ContentReader _content;
    private bool _hasSender;
    private long[] _numbers = new long[4];
    private int _recipients;

    // Of the first recipient, for rules.
    private byte[] _domain = new byte[256];
    private int _domainLength;
    private bool _inData;
    private bool _inChunks;
    private bool _inChunk;
    private long _chunkLeft;
    private bool _chunkLast;
    private bool _chunkRefused;

    /// <summary>What comes next is the message's, not a command.</summary>
    public bool WantsContent => _inData || _inChunk;

    /// <summary>Something of it has come.</summary>
    public bool IsOpen => _hasSender || WantsContent;

    public void Reset()
    {
        _hasSender = _inData = _inChunks = _inChunk = false;
        _recipients = 0;
        _domainLength = 0;
    }

    public void OnMail()
    {
        if (_hasSender)
        {
            replies.Say(Stage.Mail, "503 5.5.1 there is a sender already\r\n"u8);
            return;
        }

        _hasSender = replies.Answer(Stage.Mail, default, "250 2.1.0 Ok\r\n"u8);
    }

    public void OnRcpt(ReadOnlySpan<byte> line)
    {
        if (!_hasSender || _recipients >= MaximumRecipients)
        {
            replies.Say(Stage.Rcpt, _hasSender ? "452 4.5.3 too many recipients\r\n"u8 : "503 5.5.1 MAIL first\r\n"u8);
            return;
        }

        int at = line.LastIndexOf((byte)'@');
        ReadOnlySpan<byte> domain = at < 0 ? default : line[(at + 1)..];
        int end = domain.IndexOf((byte)'>');
        domain = end < 0 ? domain : domain[..end];
        if (!replies.Answer(Stage.Rcpt, domain, "250 2.1.5 Ok\r\n"u8))
        {
            return;
        }

        if (_recipients == 0 && _options.Rules.Count > 0)
        {
            _domainLength = Math.Min(domain.Length, _domain.Length);
            domain[.._domainLength].CopyTo(_domain);
        }

        if (_recipients == _numbers.Length)
        {
            Array.Resize(ref _numbers, _recipients * 2);
        }

        _numbers[_recipients++] = at < 0 ? -1 : NumberBefore(line[..at]);
    }

    public void OnData()
    {
        if (_recipients == 0 || _inChunks)
        {
            replies.Say(Stage.Data, "503 5.5.1 no valid recipients\r\n"u8);
        }
        else if (replies.Answer(Stage.Data, _domain.AsSpan(0, _domainLength), "354 End data with <CR><LF>.<CR><LF>\r\n"u8))
        {
            _content.Begin();
            _inData = true;
        }
    }

    /// <summary>So many octets follow. Without a recipient they are read all the same, to be answered behind them.</summary>
    public void OnChunk(long size, bool last)
    {
        (_chunkLeft, _chunkLast, _chunkRefused) = (size, last, _recipients == 0);
        if (!_inChunks)
        {
            _content.Begin();
            _inChunks = true;
        }

        _inChunk = true;
        if (size == 0)
        {
            EndChunk();
        }
    }

    /// <summary>Takes what belongs to the message; gives how much. 0: more is needed to tell.</summary>
    public int Take(ReadOnlySpan<byte> data)
    {
        if (_inData)
        {
            int used = _content.TakeData(data, out bool ended);
            if (ended)
            {
                End();
            }

            return used;
        }

        int length = (int)Math.Min(data.Length, _chunkLeft);
        _content.TakeChunk(data[..length]);
        _chunkLeft -= length;
        if (_chunkLeft == 0)
        {
            EndChunk();
        }

        return length;
    }

    /// <summary>The digits that a local part ends with; -1 without any.</summary>
    private static long NumberBefore(ReadOnlySpan<byte> text)
    {
        int begin = text.LastIndexOfAnyExceptInRange((byte)'0', (byte)'9') + 1;
        return Utf8Parser.TryParse(text[begin..], out long number, out _) ? number : -1;
    }

    private void EndChunk()
    {
        _inChunk = false;
        if (_chunkRefused)
        {
            _inChunks = false;
            replies.Say(Stage.Data, "503 5.5.1 no valid recipients\r\n"u8);
        }
        else if (_chunkLast)
        {
            End();
        }
        else
        {
            replies.Say(Stage.Data, "250 2.0.0 Ok\r\n"u8);
        }
    }

    private void End()
    {
        // RFC 2033 §4.2: with LMTP a reply for each recipient.
        int answers = _options.Lmtp ? _recipients : 1;
        int taken = 0;
        SinkAct last = SinkAct.None;
        for (int i = 0; i < answers && !replies.Ends; i++)
        {
            if (replies.Answer(Stage.End, _domain.AsSpan(0, _domainLength), "250 2.0.0 Ok\r\n"u8, out SinkAct act))
            {
                _numbers[taken++] = _numbers[i];
                last = act == SinkAct.None ? last : act;
            }
        }

        taken = taken > 0 && !_options.Lmtp ? _recipients : taken;
        if (taken > 0)
        {
            worker.Arrived(_content, _numbers.AsSpan(0, taken), last);
        }
        else
        {
            worker.Refused();
        }

        Reset();
    }
}
