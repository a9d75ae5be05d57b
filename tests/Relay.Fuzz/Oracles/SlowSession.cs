using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>
/// RFC 5321 §3 and §4.1.4 as a small machine over strings: what a client sent goes in whole, the codes of all replies and the acknowledged messages come out. Knows the relay's limits,
/// but nothing of how it is made.
/// </summary>
internal sealed class SlowSession(SlowLimits limits)
{
    private readonly List<string> _recipients = [];
    private State _state = State.Greeted;
    private string _from = "";
    private int _errors;
    private int _idle;

    private enum State
    {
        Greeted,
        Ready,
        Mail,
        Recipients,
        Closed,
    }

    /// <summary>Every reply's code in order; the greeting first.</summary>
    public List<int> Codes { get; } = [220];

    public List<SlowMail> Mail { get; } = [];

    public bool IsClosed => _state == State.Closed;

    /// <summary>Reads all that a client sent in its whole session.</summary>
    public void Read(string sent)
    {
        while (_state != State.Closed)
        {
            SlowLine line = SlowLine.Read(sent, limits.Line);
            switch (line.Status)
            {
                case LineStatus.NeedMoreData:
                    return;
                case LineStatus.BareLineEnding:
                    Close(521);
                    return;
                case LineStatus.TooLong:
                    Say(500);
                    int end = sent.IndexOf('\n', StringComparison.Ordinal);
                    if (end < 0)
                    {
                        return;
                    }

                    sent = sent[(end + 1)..];
                    break;
                default:
                    sent = sent[(line.Text.Length + 2)..];
                    Command(line.Text, ref sent);
                    break;
            }
        }
    }

    private void Command(string line, ref string sent)
    {
        SlowCommand command = SlowCommand.Read(line, limits.Offered);
        bool introduced = _state != State.Greeted;
        int refusal = command.Verb switch
        {
            Verb.Unknown => 500,
            Verb.Http => 421,
            Verb.Mail or Verb.Rcpt or Verb.Data or Verb.StartTls when !introduced => 503,
            Verb.Mail when _state != State.Ready => 503,
            Verb.Rcpt or Verb.Data when _state == State.Ready => 503,
            Verb.Data when _state == State.Mail => 554,
            Verb.Bdat or Verb.Auth or Verb.XClient or Verb.Turn or Verb.Etrn or Verb.Expn => 502,
            _ => command.Code,
        };
        if (command.Verb == Verb.Http)
        {
            Close(refusal);
            return;
        }

        if (refusal != 0)
        {
            Say(refusal);
            return;
        }

        switch (command.Verb)
        {
            case Verb.Ehlo or Verb.Helo:
                Clear();
                SayIdle(250);
                break;
            case Verb.Mail when command.Parameters!.Given.TryGetValue("SIZE", out string? size) && System.Numerics.BigInteger.Parse(size, System.Globalization.CultureInfo.InvariantCulture) > limits.Message:
                Say(552);
                break;
            case Verb.Mail:
                _from = command.Path;
                _state = State.Mail;
                SayIdle(250);
                break;
            case Verb.Rcpt when _recipients.Count >= limits.Recipients:
                Say(452);
                break;
            case Verb.Rcpt:
                AddRecipient(command.Domain.Length == 0 ? "postmaster@" + limits.Hostname : command.Path);
                _state = State.Recipients;
                Say(250);
                break;
            case Verb.Data:
                Say(354);
                Message(ref sent);
                break;
            case Verb.StartTls:
                Say(502);
                break;
            case Verb.Rset:
                if (introduced)
                {
                    Clear();
                }

                SayIdle(250);
                break;
            case Verb.Noop:
                SayIdle(250);
                break;
            case Verb.Vrfy:
                SayIdle(252);
                break;
            case Verb.Help:
                SayIdle(214);
                break;
            case Verb.Quit:
                Close(221);
                break;
        }
    }

    private void Message(ref string sent)
    {
        SlowData data = SlowData.Decode(sent);
        sent = sent[data.Consumed..];
        if (!data.Done)
        {
            _state = State.Closed;
            return;
        }

        string header = Regex.Match(data.Stored, @"\A(?:[^\r\n][^\n]*\n)*").Value;
        int refusal = data.Stored.Length > limits.Message ? 552 : data.Bare ? 554 : Regex.Count(header, "^Received:", RegexOptions.Multiline | RegexOptions.IgnoreCase) >= 100 ? 554 : 0;
        if (refusal == 0)
        {
            Mail.Add(new SlowMail(_from, string.Join(' ', _recipients), data.Stored));
            _errors = 0;
            _idle = 0;
        }

        Clear();
        Say(refusal == 0 ? 250 : refusal);
    }

    private void AddRecipient(string path)
    {
        string Key(string mailbox) => mailbox[..mailbox.LastIndexOf('@')] + mailbox[mailbox.LastIndexOf('@')..].ToLowerInvariant();
        if (!_recipients.Exists(r => Key(r) == Key(path)))
        {
            _recipients.Add(path);
        }
    }

    private void Clear()
    {
        _recipients.Clear();
        _state = State.Ready;
    }

    private void Say(int code)
    {
        Codes.Add(code);
        if (code >= 500 && ++_errors >= limits.Errors)
        {
            Close(421);
        }
    }

    /// <summary>A command that by itself brings no mail further: not too many of them either.</summary>
    private void SayIdle(int code)
    {
        Say(code);
        if (++_idle > limits.Idle)
        {
            Close(421);
        }
    }

    private void Close(int code)
    {
        Codes.Add(code);
        _state = State.Closed;
    }
}
