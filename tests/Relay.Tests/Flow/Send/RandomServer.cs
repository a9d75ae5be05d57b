using System.Globalization;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Tests.Flow.Send;

/// <summary>
/// A server that keeps to the protocol and otherwise does what it likes: refuses at random, answers in its own time and in pieces, closes at any octet, falls silent, says 421 anywhere. It notes everything that it
/// has taken, also where the reply never left. Written without the relay's own readers.
/// </summary>
internal sealed class RandomServer
{
    private readonly SessionFixture _at;
    private readonly Random _random;
    private readonly ServerExtensions _offers;
    private readonly bool _lmtp;
    private readonly double _refusal;
    private readonly double _trouble;
    private readonly bool _keepsAfterRefusedChunk;
    private readonly bool _asksForMailToNobody;
    private readonly List<string> _to = [];
    private readonly StringBuilder _pending = new();
    private string _input = "";
    private string? _from;
    private bool _inData;
    private int _chunk = -1;
    private bool _leaves;

    public RandomServer(SessionFixture at, Random random, ServerExtensions offers, bool lmtp)
    {
        _at = at;
        _random = random;
        _offers = offers;
        _lmtp = lmtp;
        _refusal = random.Next(3) switch { 0 => 0, 1 => 0.1, _ => 0.5 };
        _trouble = random.Next(3) switch { 0 => 0, 1 => 0.01, _ => 0.1 };
        _keepsAfterRefusedChunk = random.Next(2) == 0;
        _asksForMailToNobody = !lmtp && random.Next(2) == 0;
    }

    /// <summary>What it took: one entry for each recipient.</summary>
    public List<(string From, string To, string Content)> Took { get; } = [];

    /// <summary>It has neither closed nor said good-bye nor fallen silent.</summary>
    public bool Stayed { get; private set; } = true;

    /// <summary>Replies that left before their command came, MAIL inside a transaction: what an orderly client never causes.</summary>
    public List<string> Complaints { get; } = [];

    public void Serve()
    {
        bool silent = false;
        while (!_at.Run.IsCompleted)
        {
            string heard = _at.Heard();
            _input += heard;
            bool worked = false;
            while (!_leaves && !silent && Take())
            {
                worked = true;
                if (Happens(_trouble / 4))
                {
                    silent = true;
                    Stayed = false;
                }

                if (_random.Next(3) == 0)
                {
                    break;
                }
            }

            if (_leaves || (worked && Happens(_trouble)))
            {
                // Closed in the middle of what it had to say; a good-bye is mostly heard whole.
                string last = _pending.ToString();
                Stayed = false;
                _at.Say(_leaves && _random.Next(4) != 0 ? last : last[.._random.Next(last.Length + 1)]);
                if (_leaves && _random.Next(5) == 0)
                {
                    silent = true;
                    _leaves = false;
                    _pending.Clear();
                    continue;
                }

                _at.Close();
                _at.Time.Advance(TimeSpan.FromSeconds(1));
                continue;
            }

            if (_pending.Length > 0)
            {
                int said = _random.Next(2) == 0 ? _pending.Length : _random.Next(1, _pending.Length + 1);
                string text = _pending.ToString(0, said);
                _pending.Remove(0, said);
                _at.Say(text);
            }
            else if (!worked && heard.Length == 0)
            {
                // Nothing moves but the clock.
                _at.Time.Advance(TimeSpan.FromMinutes(1));
            }
        }
    }

    /// <summary>One command, or one content, if there is a whole one.</summary>
    private bool Take()
    {
        if (_chunk >= 0)
        {
            return _input.Length >= _chunk && TakeChunk();
        }

        if (_inData)
        {
            return TakeData();
        }

        int end = _input.IndexOf("\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        string line = _input[..end];
        _input = _input[(end + 2)..];
        Assert.DoesNotContain('\r', line);
        Assert.DoesNotContain('\n', line);
        if (Happens(_trouble))
        {
            _leaves = true;
            Stayed = false;
            Reply("421 4.3.2 good-bye");
            return true;
        }

        Command(line);
        return true;
    }

    private void Command(string line)
    {
        switch (line.Split(' ')[0])
        {
            case "RSET":
                Forget();
                Reply("250 2.0.0 forgotten");
                break;
            case "MAIL" when _from is not null:
                Complaints.Add(line);
                Reply("503 5.5.1 nested MAIL");
                break;
            case "MAIL":
                if (Decides(250, 450, 550))
                {
                    _from = Path(line);
                }

                break;
            case "RCPT" when _from is null:
                Reply("503 5.5.1 MAIL first");
                break;
            case "RCPT":
                if (_to.Count >= _offers.RecipientLimit)
                {
                    Complaints.Add(line);
                }

                if (Decides(_random.Next(2) == 0 ? 250 : 251, _random.Next(2) == 0 ? 452 : 552, 550))
                {
                    _to.Add(Path(line));
                }

                break;
            case "DATA" when _to.Count == 0 && !(_asksForMailToNobody && _from is not null):
                Reply("503 5.5.1 RCPT first");
                break;
            case "DATA":
                _inData = Decides(354, 451, 554);
                break;
            case "BDAT":
                Assert.EndsWith(" LAST", line, StringComparison.Ordinal);
                _chunk = int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
                break;
            default:
                Assert.Fail("no command: " + line);
                break;
        }
    }

    private bool TakeChunk()
    {
        string content = _input[.._chunk];
        _input = _input[_chunk..];
        _chunk = -1;
        if (_to.Count == 0)
        {
            Reply("503 5.5.1 RCPT first");
            if (!_keepsAfterRefusedChunk)
            {
                Forget();
            }

            return true;
        }

        bool took = TakeMessage(content);
        if (took || !_keepsAfterRefusedChunk)
        {
            Forget();
        }

        return true;
    }

    private bool TakeData()
    {
        string content;
        if (_input.StartsWith(".\r\n", StringComparison.Ordinal))
        {
            content = "";
            _input = _input[3..];
        }
        else
        {
            int end = _input.IndexOf("\r\n.\r\n", StringComparison.Ordinal);
            if (end < 0)
            {
                return false;
            }

            content = _input[..(end + 2)];
            _input = _input[(end + 5)..];
        }

        _inData = false;
        string unstuffed = string.Concat(content.Split("\r\n")[..^1].Select(static l => (l.StartsWith('.') ? l[1..] : l) + "\r\n"));
        if (_to.Count == 0)
        {
            Decides(250, 451, 554);
        }
        else
        {
            TakeMessage(unstuffed);
        }

        Forget();
        return true;
    }

    private bool TakeMessage(string content)
    {
        bool any = false;
        if (!_lmtp)
        {
            if (Decides(250, 451, 554))
            {
                any = true;
                Took.AddRange(_to.Select(to => (_from!, to, content)));
            }

            return any;
        }

        foreach (string to in _to)
        {
            if (Decides(250, 451, 554))
            {
                any = true;
                Took.Add((_from!, to, content));
            }
        }

        return any;
    }

    private void Forget()
    {
        _from = null;
        _to.Clear();
    }

    private bool Decides(int yes, int later, int no)
    {
        int code = !Happens(_refusal) ? yes : _random.Next(2) == 0 ? later : no;
        Reply(code.ToString(CultureInfo.InvariantCulture) + " so be it");
        return code == yes;
    }

    private void Reply(string line) => _pending.Append(_random.Next(10) == 0 ? line[..3] + "-listen\r\n" + line : line).Append("\r\n");

    private bool Happens(double probability) => _random.NextDouble() < probability;

    private static string Path(string line) => line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..line.IndexOf('>', StringComparison.Ordinal)];
}
