using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Daemon.Probe;

/// <summary>Tries every trick on a server, each in a transaction of its own that ends with RSET, before any content. Bounded in time, whatever the server does. Used once.</summary>
internal sealed class RelayProbe(ProbeDialer dialer, ProbeNames names, TimeProvider time)
{
    /// <summary>Servers slow down, or end, sessions with many errors: 10 is where Postfix begins.</summary>
    private const int TricksPerConnection = 8;

    /// <summary>So many failed connections in a row, and the server is given up.</summary>
    private const int Patience = 3;

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);

    private readonly long _start = time.GetTimestamp();
    private readonly Dictionary<string, bool> _controls = new(StringComparer.Ordinal);
    private ProbeConnection? _open;
    private int _used;
    private int _failures;

    public async Task<IReadOnlyList<ProbeResult>> RunAsync(IEnumerable<ProbeTrick> tricks, CancellationToken stop)
    {
        var results = new List<ProbeResult>();
        try
        {
            foreach (ProbeTrick trick in tricks)
            {
                ProbeResult result = await TryAsync(trick, stop).ConfigureAwait(false);
                if (result.Verdict == ProbeVerdict.Relayed && trick.Control is { } control && await TakesAnythingAsync(control, stop).ConfigureAwait(false))
                {
                    result = result with { Verdict = ProbeVerdict.Unclear, Answer = $"any local part is taken there: {result.Answer}" };
                }

                results.Add(result);
            }
        }
        finally
        {
            await LeaveAsync(stop).ConfigureAwait(false);
        }

        return results;
    }

    private async Task<bool> TakesAnythingAsync(string control, CancellationToken stop)
    {
        if (!_controls.TryGetValue(control, out bool taken))
        {
            ProbeResult result = await TryAsync(new ProbeTrick("control", ProbeTrick.Mail, control), stop).ConfigureAwait(false);
            _controls.Add(control, taken = result.Verdict == ProbeVerdict.Relayed);
        }

        return taken;
    }

    private async Task<ProbeResult> TryAsync(ProbeTrick trick, CancellationToken stop)
    {
        string[] commands = [.. trick.Commands.Select(names.Expand)];
        string tried = LogText.Clean(string.Join(" / ", trick.Opening is null ? commands : [trick.Opening, .. commands]));
        while (true)
        {
            if (_failures >= Patience || time.GetElapsedTime(_start) > Longest)
            {
                return new ProbeResult(trick.Name, tried, ProbeVerdict.NotTried, _failures >= Patience ? "the server can't be reached any more" : "the time for the whole probe is over");
            }

            bool isFresh = false;
            try
            {
                isFresh = await ConnectAsync(trick, stop).ConfigureAwait(false);
                PeerReply reply = await TransactAsync(_open!, commands, stop).ConfigureAwait(false);
                if (reply.Code != 421 || isFresh)
                {
                    await EndAsync(trick, stop).ConfigureAwait(false);
                    return new ProbeResult(trick.Name, tried, Judge(reply), reply.Words);
                }

                // The session had become too long, or had too many errors: that says nothing of this trick.
                await LeaveAsync(stop).ConfigureAwait(false);
            }
            catch (Exception e) when (ProbeDialer.IsTrouble(e))
            {
                bool wasOpen = _open is not null;
                await LeaveAsync(stop).ConfigureAwait(false);
                // A header that isn't wanted may cost the connection before a word is said.
                if (wasOpen ? isFresh : trick.Opening is not null)
                {
                    return new ProbeResult(trick.Name, tried, e is TimeoutException ? ProbeVerdict.Unclear : ProbeVerdict.Refused, LogText.Clean(e.Message));
                }

                _failures += wasOpen ? 0 : 1;
            }
        }
    }

    /// <summary>True when the connection is a new one.</summary>
    private async Task<bool> ConnectAsync(ProbeTrick trick, CancellationToken stop)
    {
        if (_open is not null && !trick.IsAlone && _used < TricksPerConnection)
        {
            _used++;
            return false;
        }

        await LeaveAsync(stop).ConfigureAwait(false);
        _open = trick.SaysHello ? await dialer.OpenAsync(trick.Opening, stop).ConfigureAwait(false) : await dialer.GreetAsync(trick.Opening, stop).ConfigureAwait(false);
        _used = 1;
        _failures = 0;
        return true;
    }

    /// <summary>The reply to the last command, or to the MAIL without which that had no meaning.</summary>
    private static async Task<PeerReply> TransactAsync(ProbeConnection connection, string[] commands, CancellationToken stop)
    {
        PeerReply reply = default;
        PeerReply? refused = null;
        foreach (string command in commands)
        {
            reply = await connection.CommandAsync(command, stop).ConfigureAwait(false);
            if (command.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase))
            {
                refused = reply.IsPositive ? null : reply;
            }

            if (reply.Code == 421)
            {
                return reply;
            }
        }

        return reply.IsPositive ? reply : refused ?? reply;
    }

    private async Task EndAsync(ProbeTrick trick, CancellationToken stop)
    {
        try
        {
            if (!trick.IsAlone && (await _open!.CommandAsync("RSET", stop).ConfigureAwait(false)).IsPositive && !_open.HasMore)
            {
                return;
            }
        }
        catch (Exception e) when (ProbeDialer.IsTrouble(e))
        {
            // The trick has its answer; the next one gets a new connection.
        }

        await LeaveAsync(stop).ConfigureAwait(false);
    }

    private async Task LeaveAsync(CancellationToken stop)
    {
        if (_open is { } open)
        {
            _open = null;
            await ProbeDialer.LeaveAsync(open, stop).ConfigureAwait(false);
        }
    }

    private static ProbeVerdict Judge(in PeerReply reply) =>
        reply.IsPositive ? ProbeVerdict.Relayed : reply.IsPermanent ? ProbeVerdict.Refused : reply.IsTransient ? ProbeVerdict.PutOff : ProbeVerdict.Unclear;
}
