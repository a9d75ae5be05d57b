using System.Globalization;
using System.Text.RegularExpressions;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// Reads an strace -f -y log and asks of each acknowledged message: had the write with its last octets ended, and then a sync of the same file begun and returned 0, before
/// the 250 was handed to the kernel? strace logs a call that others overtake in two halves: where the first half stands is when it began, where the second stands is when
/// it ended.
/// </summary>
internal sealed partial class OrderAudit
{
    private readonly Dictionary<string, Call> _unfinished = [];
    private readonly List<Call> _calls = [];

    private OrderAudit()
    {
    }

    /// <summary>Acknowledgements found in the trace.</summary>
    public int Audited { get; private set; }

    public List<string> Violations { get; } = [];

    /// <summary>Audits the acknowledgements of the given messages: queue id -> a mark at the end of the message's content.</summary>
    public static OrderAudit Of(IEnumerable<string> trace, IReadOnlyDictionary<string, string> marks)
    {
        var audit = new OrderAudit();
        int line = 0;
        foreach (string text in trace)
        {
            audit.Read(++line, text);
        }

        foreach ((string id, string mark) in marks)
        {
            audit.Check(id, mark);
        }

        return audit;
    }

    private void Read(int line, string text)
    {
        if (Resumed().Match(text) is { Success: true } resumed)
        {
            if (_unfinished.Remove(resumed.Groups["thread"].Value, out Call? begun))
            {
                _calls.Add(begun with { End = line, Result = Number(resumed.Groups["result"].Value) });
            }

            return;
        }

        if (Begun().Match(text) is not { Success: true } match)
        {
            return;
        }

        var call = new Call(match.Groups["name"].Value, match.Groups["path"].Value, text, line, End: line, Result: 0);
        if (text.EndsWith("<unfinished ...>", StringComparison.Ordinal))
        {
            _unfinished[match.Groups["thread"].Value] = call;
        }
        else
        {
            _calls.Add(call with { Result = Number(Result().Match(text).Groups["result"].Value) });
        }
    }

    private void Check(string id, string mark)
    {
        Call? sent = _calls.Find(call => call.IsSocket && call.Text.Contains($"250 2.0.0 queued as {id}", StringComparison.Ordinal));
        if (sent is null)
        {
            return;
        }

        Audited++;
        // On its way out the mark is written to a socket again: only files count.
        List<Call> written = _calls.FindAll(call => !call.IsSync && !call.IsSocket && call.Result > 0 && call.End < sent.Begin && call.Text.Contains(mark, StringComparison.Ordinal));
        if (written.Count == 0)
        {
            Violations.Add($"{id}: acknowledged before it was written");
        }
        else if (!_calls.Exists(sync => sync.IsSync && sync.Result == 0 && sync.End < sent.Begin && written.Exists(write => write.Path == sync.Path && write.End < sync.Begin)))
        {
            Violations.Add($"{id}: acknowledged before {written[0].Path} was synced");
        }
    }

    private static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : -1;

    [GeneratedRegex(@"^(?<thread>\d+) +(?<name>\w+)\(\d+<(?<path>[^>]*)>", RegexOptions.None, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Begun();

    [GeneratedRegex(@"^(?<thread>\d+) +<\.\.\. \w+ resumed>.*\) += (?<result>-?\d+)[^)]*$", RegexOptions.None, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Resumed();

    [GeneratedRegex(@"\) += (?<result>-?\d+)[^)]*$", RegexOptions.RightToLeft, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Result();

    private sealed record Call(string Name, string Path, string Text, int Begin, int End, long Result)
    {
        public bool IsSync => Name is "fsync" or "fdatasync";

        public bool IsSocket => Path.StartsWith("socket:", StringComparison.Ordinal) || Path.StartsWith("TCP:", StringComparison.Ordinal) || Name is "sendto" or "sendmsg";
    }
}
