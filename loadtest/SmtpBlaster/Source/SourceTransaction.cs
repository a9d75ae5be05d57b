using System.Buffers.Text;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Source;

/// <summary>
/// One message on its way: MAIL, RCPT…, and its content by DATA or BDAT, one command at a time or all in one flight (RFC 2920, RFC 3030), and what the server answers. Counts how it ended, and notes in the ledger what was
/// promised. A session has one, for one message after the other; lives on its loop.
/// </summary>
internal sealed class SourceTransaction
{
    private readonly SourceWorker _worker;
    private readonly SourceOptions _options;
    private readonly Connection _connection;
    private readonly Draft _draft = new();

    // Of each recipient, whether the server took it.
    private bool[] _taken;
    private Ticket _ticket;
    private Stage _stage;
    private bool _flight;
    private bool _chunking;
    private int _answered;
    private int _accepted;
    private int _refusal;

    public SourceTransaction(SourceWorker worker, Connection connection)
    {
        (_worker, _options, _connection) = (worker, worker.Options, connection);
        _taken = new bool[Math.Max(1, (int)_options.Recipients.Least)];
    }

    /// <summary>Which command's reply is waited for; with pipelining, the first one's.</summary>
    public Stage Stage => _stage;

    /// <summary>The server has said what becomes of the message.</summary>
    public bool IsAnswered => _stage == Stage.Reset;

    public void Begin(in Ticket ticket, bool pipelining, bool chunking)
    {
        (_ticket, _flight, _chunking) = (ticket, pipelining, chunking);
        (_answered, _accepted, _refusal) = (0, 0, 0);
        if (_taken.Length < _ticket.Count)
        {
            _taken = new bool[_ticket.Count];
        }

        SourceCounters counters = _worker.Counters;
        counters.Messages++;
        counters.Recipients += _ticket.Count;
        _worker.Ledger?.Sent(_ticket.First, _ticket.Count);
        _stage = Stage.Mail;
        SendEnvelope();
        if (_flight && _chunking)
        {
            SendContent();
        }
    }

    /// <summary>True: the transaction is over, and counted.</summary>
    public bool OnReply(int code, ReadOnlySpan<byte> text)
    {
        _worker.Replies.Count(_stage, code, text);
        if (code == 421 && _stage != Stage.Reset)
        {
            // RFC 5321 §3.8: it closes the connection, whatever it was asked.
            _worker.Refuse(code);
            return true;
        }

        return _stage switch
        {
            Stage.Mail => OnMail(code),
            Stage.Rcpt => OnRcpt(code),
            Stage.Data => OnData(code),
            Stage.End => OnEnd(code),
            _ => true,
        };
    }

    private static bool IsYes(int code) => code is >= 200 and <= 299;

    private bool OnMail(int code)
    {
        _refusal = IsYes(code) ? 0 : code;
        if (_refusal != 0 && !_flight)
        {
            return Reset(code);
        }

        _stage = Stage.Rcpt;
        if (!_flight)
        {
            SendRecipient(0);
        }

        return false;
    }

    private bool OnRcpt(int code)
    {
        bool taken = IsYes(code) && _refusal == 0;
        _taken[_answered++] = taken;
        _accepted += taken ? 1 : 0;
        if (_answered < _ticket.Count)
        {
            if (!_flight)
            {
                SendRecipient(_answered);
            }

            return false;
        }

        if (_accepted == 0 && _refusal == 0)
        {
            // The last one's stands for all.
            _refusal = code;
        }

        if (_accepted == 0 && !_flight)
        {
            return Reset(_refusal);
        }

        _stage = _chunking ? Stage.End : Stage.Data;
        if (!_flight)
        {
            SendContentOrData();
        }

        return false;
    }

    private bool OnData(int code)
    {
        if (code != 354)
        {
            return Reset(_refusal != 0 ? _refusal : code);
        }

        _stage = Stage.End;
        if (_accepted == 0)
        {
            // RFC 2920 §3.1: the server took DATA although it has no recipient; nothing is to be sent.
            _connection.Send(".\r\n"u8);
        }
        else
        {
            SendContent();
        }

        return false;
    }

    private bool OnEnd(int code)
    {
        if (IsYes(code) && _accepted > 0)
        {
            Acknowledge();
            return true;
        }

        int refusal = _refusal != 0 ? _refusal : code;
        if (_flight && _chunking && !IsYes(code))
        {
            // RFC 3030 §2: a chunk that was refused leaves the transaction undefined until RSET.
            return Reset(refusal);
        }

        _worker.Refuse(refusal);
        return true;
    }

    private void Acknowledge()
    {
        _worker.Counters.RecipientsAcknowledged += _accepted;
        if (_worker.Ledger is { } ledger)
        {
            for (int i = 0; i < _ticket.Count; i++)
            {
                if (_taken[i])
                {
                    ledger.Acknowledged(_ticket.First + i);
                }
            }
        }

        _worker.Acknowledge(Clock.Now - _ticket.Intended);
    }

    /// <summary>The message is refused, and the server told to forget what it has of it.</summary>
    private bool Reset(int code)
    {
        _worker.Refuse(code);
        _stage = Stage.Reset;
        _connection.Send("RSET\r\n"u8);
        return false;
    }

    /// <summary>MAIL; in one flight RCPT… and DATA with it.</summary>
    private void SendEnvelope()
    {
        byte[] scratch = _connection.Loop.Scratch;
        int at = Put(scratch, 0, "MAIL FROM:<"u8);
        at += _options.From.Write(_ticket.First, scratch.AsSpan(at));
        at = Put(scratch, at, ">\r\n"u8);
        for (int i = 0; _flight && i < _ticket.Count; i++)
        {
            if (scratch.Length - at < 1024)
            {
                _connection.Send(scratch.AsSpan(0, at));
                at = 0;
            }

            at = PutRecipient(scratch, at, i);
        }

        if (_flight && !_chunking)
        {
            at = Put(scratch, at, "DATA\r\n"u8);
        }

        _connection.Send(scratch.AsSpan(0, at));
    }

    private void SendRecipient(int index)
    {
        byte[] scratch = _connection.Loop.Scratch;
        _connection.Send(scratch.AsSpan(0, PutRecipient(scratch, 0, index)));
    }

    private void SendContentOrData()
    {
        if (_chunking)
        {
            SendContent();
        }
        else
        {
            _connection.Send("DATA\r\n"u8);
        }
    }

    private void SendContent()
    {
        var facts = new MessageFacts(_options.Run, _ticket.First, _ticket.Count, Clock.Micros(Clock.Now));
        _options.Content.Fill(_draft, facts, stuffed: !_chunking, _worker.Random);
        _worker.Counters.Octets += _draft.Length;
        if (_chunking)
        {
            Span<byte> command = stackalloc byte[Draft.CommandRoom];
            "BDAT "u8.CopyTo(command);
            Utf8Formatter.TryFormat(_draft.Length, command[5..], out int digits);
            " LAST\r\n"u8.CopyTo(command[(5 + digits)..]);
            _draft.Prepend(command[..(5 + digits + 7)]);
        }
        else
        {
            _draft.AppendTail(".\r\n"u8);
        }

        _connection.Send(_draft.Head, _draft.Body, _draft.Tail.AsSpan(0, _draft.TailLength));
    }

    private int PutRecipient(byte[] into, int at, int index)
    {
        at = Put(into, at, "RCPT TO:<"u8);
        at += _options.To.Write(_ticket.First + index, into.AsSpan(at));
        return Put(into, at, ">\r\n"u8);
    }

    private static int Put(byte[] into, int at, ReadOnlySpan<byte> text)
    {
        text.CopyTo(into.AsSpan(at));
        return at + text.Length;
    }
}
