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

    /// <summary>Files of large messages whose removal was found in the trace.</summary>
    public int Unlinked { get; private set; }

    public List<string> Violations { get; } = [];

    /// <summary>
    /// Audits the acknowledgements of the given messages: queue id -> a mark at the end of the message's content. The next hop answers each with "250 2.0.0 Got it".
    /// </summary>
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
                // What a call reads is told when it ends.
                _calls.Add(begun with { Says = [.. begun.Says, .. Telling(Head(text))], End = line, Result = Number(resumed.Groups["result"].Value) });
            }

            return;
        }

        if (text.Contains(" unlink(\"", StringComparison.Ordinal) && Unlink().Match(text) is { Success: true } unlink)
        {
            _calls.Add(new Call("unlink", unlink.Groups["path"].Value, [], line, line, 0));
            return;
        }

        if (Begun().Match(text) is not { Success: true } match)
        {
            return;
        }

        var call = new Call(match.Groups["name"].Value, match.Groups["path"].Value, Telling(match.Groups["name"].Value.StartsWith("re", StringComparison.Ordinal) ? Head(text) : text), line, End: line, Result: 0);
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
        Call? sent = _calls.Find(call => call.IsSocket && call.Says.Contains($"250 2.0.0 queued as {id}"));
        if (sent is null)
        {
            return;
        }

        Audited++;
        // On its way out the mark is written to a socket again: only files count.
        List<Call> written = _calls.FindAll(call => !call.IsSync && !call.IsSocket && call.Result > 0 && call.End < sent.Begin && call.Says.Contains(mark));
        if (written.Count == 0)
        {
            Violations.Add($"{id}: acknowledged before it was written");
        }
        else if (!_calls.Exists(sync => sync.IsSync && sync.Result == 0 && sync.End < sent.Begin && written.Exists(write => write.Path == sync.Path && write.End < sync.Begin)))
        {
            Violations.Add($"{id}: acknowledged before {written[0].Path} was synced");
        }

        if (written.Find(write => write.Path.EndsWith($"/{id}.msg", StringComparison.Ordinal)) is { } own)
        {
            CheckOwnFile(id, mark, own, sent);
        }
    }

    /// <summary>A message in a file of its own: its folder is synced between its content and the 250; it is unlinked after the next hop's 250 and a sync of the log behind that.</summary>
    private void CheckOwnFile(string id, string mark, Call written, Call sent)
    {
        string folder = written.Path[..written.Path.LastIndexOf('/')];
        if (!_calls.Exists(sync => sync.IsSync && sync.Path == folder && sync.Result == 0 && sync.Begin > written.End && sync.End < sent.Begin))
        {
            Violations.Add($"{id}: acknowledged before its folder was synced");
        }

        if (_calls.Find(call => call.Name == "unlink" && call.Path == written.Path) is not { } unlink)
        {
            return;
        }

        Unlinked++;
        Call? left = _calls.Find(call => call.IsSocket && !call.IsSync && call.Begin > sent.Begin && call.Says.Contains(mark));
        Call? taken = left is null ? null : _calls.Find(call => call.Begin > left.Begin && call.Path == left.Path && call.Says.Contains("250 2.0.0 Got it"));
        Call? recorded = taken is null ? null : _calls.Find(call => call.Name == "pwrite64" && call.Begin > taken.Begin && call.Path.EndsWith(".seg", StringComparison.Ordinal));
        if (recorded is null || !_calls.Exists(sync => sync.IsSync && sync.Result == 0 && sync.Path == recorded.Path && sync.Begin > recorded.End && sync.End < unlink.Begin))
        {
            Violations.Add($"{id}: unlinked before its delivery was recorded and synced");
        }
    }

    /// <summary>Of what is read only replies matter.</summary>
    private static string Head(string text) => text[..Math.Min(text.Length, 300)];

    /// <summary>The marks and replies in what was written or read, looked for once: the lines are long, and each is asked for every message.</summary>
    private static HashSet<string> Telling(string text) => [.. Mark().Matches(text).Select(static m => m.Value)];

    private static long Number(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : -1;

    [GeneratedRegex(@"^(?<thread>\d+) +(?<name>\w+)\(\d+<(?<path>[^>]*)>", RegexOptions.None, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Begun();

    [GeneratedRegex(@"MARK-[\w-]+|250 2\.0\.0 (?:queued as \w+|Got it)", RegexOptions.None, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Mark();

    [GeneratedRegex("^\\d+ +unlink\\(\"(?<path>[^\"]*)\"", RegexOptions.None, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Unlink();

    [GeneratedRegex(@"^(?<thread>\d+) +<\.\.\. \w+ resumed>.*\) += (?<result>-?\d+)[^)]*$", RegexOptions.None, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Resumed();

    [GeneratedRegex(@"\) += (?<result>-?\d+)[^)]*$", RegexOptions.RightToLeft, matchTimeoutMilliseconds: 30_000)]
    private static partial Regex Result();

    private sealed record Call(string Name, string Path, HashSet<string> Says, int Begin, int End, long Result)
    {
        public bool IsSync => Name is "fsync" or "fdatasync";

        public bool IsSocket => Path.StartsWith("socket:", StringComparison.Ordinal) || Path.StartsWith("TCP:", StringComparison.Ordinal) || Name is "sendto" or "sendmsg";
    }
}
