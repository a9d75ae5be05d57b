using Microsoft.Extensions.Logging;
using Relay.Concurrency;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Send;

/// <summary>
/// Opens connections: dials, waits for the greeting, says EHLO (HELO to a server that knows no better, LHLO in LMTP), begins TLS as the policy asks and logs in where we have credentials. Opportunistic TLS
/// that fails is followed by a fresh connection in clear (RFC 7435), never by clear text on the same one; for an hour that host is spoken to in clear at once. Any thread.
/// </summary>
internal sealed class Connector(string hostname, DeliveryTimeouts timeouts, AddressRace race, RecentHosts brokenTls, Heartbeat heartbeat, TimeProvider time, RelayMetrics metrics, ILogger log)
{
    /// <summary>Addresses of one host that are spoken to when the first one answers and then turns us away: the others are most likely the same machine (Postfix's smtp_mx_session_limit).</summary>
    private const int MaximumSessions = 2;

    /// <summary>A source that can't be used concerns every message that leaves by it; the log is told so once in a while.</summary>
    private static readonly TimeSpan WarningPause = TimeSpan.FromMinutes(1);

    private long _warned = long.MinValue;

    public ValueTask<ConnectResult> ConnectAsync(ConnectionKey key) => ConnectAsync([key]);

    /// <summary>
    /// A connection to one of the addresses of one host, given in the order in which they are to be tried: keys that differ in their end point alone. The pool is asked for the same ones before
    /// (<see cref="OutboundPool.TakeAsync(IReadOnlyList{ConnectionKey})"/>). Without a connection the whole host has failed.
    /// </summary>
    public async ValueTask<ConnectResult> ConnectAsync(IReadOnlyList<ConnectionKey> addresses)
    {
        List<ConnectionKey> left = [.. addresses.Where(HasSource)];
        if (left.Count == 0)
        {
            ConnectionKey key = addresses[0];
            return Unusable(key, AttemptFailure.OurSource($"source {key.Source!.Name} has no address of the family of {key.EndPoint}"));
        }

        ConnectResult result = default;
        for (int session = 0; session < MaximumSessions && left.Count > 0; session++)
        {
            result = await ConnectAsync(left, clear: left[0].Tls.Level == OutboundTls.None || left[0].Address is null).ConfigureAwait(false);
            if (result.Failure is { TlsBroken: true } broken && MayBeClear(result.Tried))
            {
                result = await ConnectAsync([result.Tried], clear: true).ConfigureAwait(false);
                if (result.Connection is not null && result.Tried.Address is { } address)
                {
                    // It was TLS and nothing else: the next connections don't fail once more on the way.
                    brokenTls.Add(address);
                    result.Connection.TlsFault = broken.Tls == TlsFault.None ? TlsFault.ValidationFailure : broken.Tls;
                    SettleLog.TlsBroken(log, LogText.Clean(result.Tried.Host), result.Tried.EndPoint, LogText.Clean(broken.Reply.Text));
                }
            }

            if (result.Connection is not null || !result.HasAnswered)
            {
                break;
            }

            left.Remove(result.Tried);
        }

        return result;
    }

    /// <summary>Nothing but a wish for TLS, if it can be had.</summary>
    private static bool MayBeClear(ConnectionKey key) => key is { Tls.Level: OutboundTls.Opportunistic, Scheme: not NextHopScheme.Smtps };

    /// <summary>A source has an address of the target's family; a unix socket needs none.</summary>
    private static bool HasSource(ConnectionKey key) => key.Source is not { } source || key.Address is not { } address || source.AddressFor(address.AddressFamily) is not null;

    private async ValueTask<ConnectResult> ConnectAsync(IReadOnlyList<ConnectionKey> addresses, bool clear)
    {
        RaceResult raced = await race.RunAsync(addresses, timeouts.Connect).ConfigureAwait(false);
        ConnectionKey key = raced.Winner;
        if (raced.Failure is { } cause)
        {
            AttemptFailure unreached = AttemptFailure.CannotConnect(cause);
            return unreached.IsOurs ? Unusable(key, unreached) : Failed("connect", new ConnectResult(null, unreached, key));
        }

        metrics.OutboundOpened();
        var connection = new OutboundConnection(key, raced.Dialed, heartbeat, time.GetTimestamp());
        AttemptFailure? failure = await IntroduceAsync(connection, clear || (MayBeClear(key) && brokenTls.Contains(key.Address!))).ConfigureAwait(false);
        if (failure is null && (failure = await ClientAuthentication.RunAsync(connection, timeouts.Command).ConfigureAwait(false)) is not null && MayWarn())
        {
            SettleLog.NotLoggedIn(log, LogText.Clean(key.Host), LogText.Clean(key.Credentials!.User), failure.Reply.Text);
        }

        if (failure is null)
        {
            return new ConnectResult(connection, null, key);
        }

        await connection.DisposeAsync().ConfigureAwait(false);
        metrics.OutboundClosed("failed");
        return Failed(failure.TlsBroken ? "tls" : "greeting", new ConnectResult(null, failure, key) { HasAnswered = true, From = connection.Hop.Source });
    }

    private ConnectResult Unusable(ConnectionKey key, AttemptFailure failure)
    {
        if (MayWarn())
        {
            SettleLog.SourceUnusable(log, key.Source!.Name, failure.Reply.Text);
        }

        return Failed("source", new ConnectResult(null, failure, key));
    }

    /// <summary>What the operator has to put right is said once in a while, not with each connection.</summary>
    private bool MayWarn()
    {
        long warned = Volatile.Read(ref _warned);
        return (warned == long.MinValue || time.GetElapsedTime(warned) >= WarningPause) && Interlocked.CompareExchange(ref _warned, time.GetTimestamp(), warned) == warned;
    }

    private ConnectResult Failed(string reason, in ConnectResult result)
    {
        metrics.OutboundFailed(reason);
        return result;
    }

    private async ValueTask<AttemptFailure?> IntroduceAsync(OutboundConnection connection, bool clear)
    {
        ConnectionKey key = connection.Key;
        if (key.Scheme == NextHopScheme.Smtps && await HandshakeAsync(connection).ConfigureAwait(false) is { } implicitFailure)
        {
            return implicitFailure;
        }

        ReplyRead greeting = await connection.ReadReplyAsync(timeouts.Greeting).ConfigureAwait(false);
        if (Refusal(greeting, "the greeting") is { } noGreeting)
        {
            return noGreeting;
        }

        if (await HelloAsync(connection).ConfigureAwait(false) is { } noHello)
        {
            return noHello;
        }

        if (clear || key.Scheme == NextHopScheme.Smtps)
        {
            if (clear)
            {
                connection.TlsFault = TlsFault.ValidationFailure;
            }

            return null;
        }

        if (!connection.Extensions.StartTls)
        {
            connection.TlsFault = TlsFault.StartTlsNotSupported;
            return key.Tls.Level == OutboundTls.Opportunistic ? null : AttemptFailure.TlsNotOffered(key.Tls.Word);
        }

        CommandWriter.StartTls(connection.Output);
        string? unsent = await connection.FlushAsync(timeouts.Command).ConfigureAwait(false);
        ReplyRead ready = unsent is null ? await connection.ReadReplyAsync(timeouts.Command).ConfigureAwait(false) : new ReplyRead(default, unsent);
        if (ready.Failure is not null)
        {
            return AttemptFailure.Lost(FailureScope.Host, ready.Failure, "the reply to STARTTLS") with { TlsBroken = true };
        }

        if (!ready.Reply.IsPositive)
        {
            connection.TlsFault = TlsFault.StartTlsNotSupported;
            // RFC 3207 §4.1: 454 is temporary; opportunistic TLS goes on without it, on this connection, where nothing has changed.
            return key.Tls.Level == OutboundTls.Opportunistic && ready.Reply.Code != 421 ? null : AttemptFailure.TlsRefused(ready.Reply);
        }

        // RFC 3207 §4.2: what the server said in clear is forgotten.
        if (await HandshakeAsync(connection).ConfigureAwait(false) is { } failed)
        {
            return failed;
        }

        // A server whose TLS breaks with the first words has no TLS either.
        AttemptFailure? unheard = await HelloAsync(connection).ConfigureAwait(false);
        return unheard is { IsLost: true } ? unheard with { TlsBroken = true } : unheard;
    }

    private async ValueTask<AttemptFailure?> HandshakeAsync(OutboundConnection connection)
    {
        ConnectionKey key = connection.Key;
        var proof = new ServerProof(key.Tls, key.Host, time);
        string? failure = await connection.StartTlsAsync(proof, timeouts.Tls).ConfigureAwait(false);
        return failure is null ? null : AttemptFailure.TlsFailed(proof.Fault, proof.Fault == TlsFault.None ? failure : proof.Reason);
    }

    private async ValueTask<AttemptFailure?> HelloAsync(OutboundConnection connection)
    {
        bool lmtp = connection.Key.Scheme == NextHopScheme.Lmtp;
        string name = connection.Key.Source?.Hostname ?? hostname;
        if (lmtp)
        {
            CommandWriter.Lhlo(connection.Output, name);
        }
        else
        {
            CommandWriter.Ehlo(connection.Output, name);
        }

        string? unsent = await connection.FlushAsync(timeouts.Command).ConfigureAwait(false);
        ReplyRead hello = unsent is null ? await connection.ReadEhloAsync(timeouts.Command).ConfigureAwait(false) : new ReplyRead(default, unsent);
        if (hello.Failure is null && hello.Reply.IsPermanent && !lmtp)
        {
            // RFC 5321 §4.1.4: an old server refuses EHLO and knows HELO.
            connection.Extensions = default;
            CommandWriter.Helo(connection.Output, name);
            unsent = await connection.FlushAsync(timeouts.Command).ConfigureAwait(false);
            hello = unsent is null ? await connection.ReadReplyAsync(timeouts.Command).ConfigureAwait(false) : new ReplyRead(default, unsent);
        }

        return Refusal(hello, lmtp ? "the reply to LHLO" : "the reply to EHLO");
    }

    private static AttemptFailure? Refusal(in ReplyRead read, string what) =>
        read.Failure is { } lost ? AttemptFailure.Lost(FailureScope.Host, lost, what)
        : read.Reply.IsPositive ? null
        : AttemptFailure.Refused(read.Reply);
}
