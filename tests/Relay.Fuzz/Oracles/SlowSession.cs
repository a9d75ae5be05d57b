using System.Globalization;
using System.Numerics;
using System.Text;
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
    private readonly StringBuilder _chunks = new();
    private string _from = "";
    private bool _extended;
    private bool _utf8;
    private bool _binary;
    private int _errors;
    private int _idle;

    private enum State
    {
        Greeted,
        Ready,
        Mail,
        Recipients,
        Chunks,
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
                case LineStatus.TooLong when sent.StartsWith("BDAT", StringComparison.OrdinalIgnoreCase):
                    Close(501);
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
        SlowCommand command = Parse(line);
        bool introduced = _state != State.Greeted;
        int untimely = command.Verb switch
        {
            Verb.Mail or Verb.Rcpt or Verb.Data or Verb.Bdat or Verb.Auth or Verb.StartTls when !introduced => 503,
            Verb.Mail or Verb.Auth when _state != State.Ready => 503,
            Verb.XClient when _state > State.Ready => 503,
            Verb.Rcpt or Verb.Data or Verb.Bdat when _state == State.Ready => 503,
            Verb.Data or Verb.Bdat when _state == State.Mail => 554,
            Verb.Rcpt or Verb.Data when _state == State.Chunks => 503,
            Verb.Turn or Verb.Etrn or Verb.Expn => 502,
            _ => 0,
        };
        if (command.Verb == Verb.Http || (command.Verb == Verb.Bdat && command.Code != 0))
        {
            // An HTTP client; or nobody knows how many octets follow.
            Close(command.Verb == Verb.Http ? 421 : command.Code);
            return;
        }

        if (command.Verb == Verb.Bdat)
        {
            Chunk(line, untimely != 0 ? untimely : _extended ? 0 : 503, ref sent);
            return;
        }

        if (untimely + command.Code != 0)
        {
            Say(untimely != 0 ? untimely : command.Code);
            return;
        }

        switch (command.Verb)
        {
            case Verb.Ehlo or Verb.Helo:
                Clear();
                _extended = command.Verb == Verb.Ehlo;
                SayIdle(250);
                break;
            case Verb.Mail when command.Parameters!.Given.TryGetValue("SIZE", out string? size) && BigInteger.Parse(size, CultureInfo.InvariantCulture) > limits.Message:
                Say(552);
                break;
            case Verb.Mail:
                _from = command.Path;
                _utf8 = command.Parameters!.Given.ContainsKey("SMTPUTF8");
                _binary = command.Parameters.Given.GetValueOrDefault("BODY", "").Equals("BINARYMIME", StringComparison.OrdinalIgnoreCase);
                _state = State.Mail;
                SayIdle(250);
                break;
            case Verb.Rcpt when _recipients.Count >= limits.Recipients:
                Say(452);
                break;
            case Verb.Rcpt when !_utf8 && (command.Utf8 || !command.Parameters!.Given.GetValueOrDefault("ORCPT", "").All(char.IsAscii)):
                Say(553);
                break;
            case Verb.Rcpt:
                AddRecipient(command.Domain.Length == 0 ? "postmaster@" + limits.Hostname : command.Path);
                _state = State.Recipients;
                Say(250);
                break;
            case Verb.Data when _binary:
                Say(503);
                break;
            case Verb.Data:
                Say(354);
                Message(ref sent);
                break;
            case Verb.StartTls or Verb.Auth:
                Say(502);
                break;
            case Verb.XClient:
                Say(550);
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

        Store(data.Stored, data.Stored.Length > limits.Message ? 552 : data.Bare ? 554 : 0);
    }

    /// <summary>RFC 3030 §2: the octets of a chunk are never commands, whatever BDAT is answered.</summary>
    private void Chunk(string line, int refusal, ref string sent)
    {
        Match argument = Regex.Match(line, "(?<size>[0-9]+)(?<last> +LAST)? *\t*", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
        long size = long.Parse(argument.Groups["size"].Value, CultureInfo.InvariantCulture);
        if (size / 10 > limits.Message)
        {
            Close(421);
            return;
        }

        if (size > sent.Length)
        {
            _state = State.Closed;
            return;
        }

        string chunk = sent[..(int)size];
        sent = sent[(int)size..];
        if (refusal != 0)
        {
            Say(refusal);
            return;
        }

        if (_chunks.Length + size > limits.Message)
        {
            Clear();
            Say(552);
            return;
        }

        _chunks.Append(chunk);
        _state = State.Chunks;
        if (argument.Groups["last"].Success)
        {
            Store(_chunks.ToString(), !_binary && Regex.IsMatch(_chunks.ToString(), @"\r(?!\n)|(?<!\r)\n") ? 554 : 0);
        }
        else
        {
            Say(250);
        }
    }

    /// <summary>The message is here: it is acknowledged, or refused; the transaction is over.</summary>
    private void Store(string message, int refusal)
    {
        string header = Regex.Match(message, @"\A(?:[^\r\n][^\n]*\n)*").Value;
        refusal = refusal == 0 && Regex.Count(header, "^Received:", RegexOptions.Multiline | RegexOptions.IgnoreCase) >= 100 ? 554 : refusal;
        if (refusal == 0)
        {
            Mail.Add(new SlowMail(_from, string.Join(' ', _recipients), message));
            _errors = 0;
            _idle = 0;
        }

        Clear();
        Say(refusal == 0 ? 250 : refusal);
    }

    /// <summary>Which labels IDNA refuses is the one thing that this machine takes from the parser.</summary>
    private SlowCommand Parse(string line)
    {
        SlowCommand command = SlowCommand.Read(line, limits.Offered);
        bool idna = line.Contains("xn--", StringComparison.OrdinalIgnoreCase) || !line.All(char.IsAscii);
        return idna && CommandParser.Parse(Octets.Of(line), limits.Offered, out _)?.Code == ReplyCode.ArgumentSyntaxError501 ? command with { Code = 501 } : command;
    }

    private void AddRecipient(string path)
    {
        if (!_recipients.Exists(r => SameMailbox(r, path)))
        {
            _recipients.Add(path);
        }
    }

    private static bool SameMailbox(string a, string b)
    {
        int at = a.LastIndexOf('@') + 1;
        return at == b.LastIndexOf('@') + 1 && a[..at] == b[..at] &&
            (a.All(char.IsAscii) && b.All(char.IsAscii) ? a[at..].Equals(b[at..], StringComparison.OrdinalIgnoreCase) : Idna.SameDomain(Octets.Of(a[at..]), Octets.Of(b[at..])));
    }

    private void Clear()
    {
        _recipients.Clear();
        _chunks.Clear();
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
