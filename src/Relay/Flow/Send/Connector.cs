using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Relay.Concurrency;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Send;

/// <summary>
/// Opens connections: dials, waits for the greeting, says EHLO (HELO to a server that knows no better), and begins TLS as the policy asks. Opportunistic TLS that fails is
/// followed by a fresh connection in clear (RFC 7435), never by clear text on the same one. Immutable; any thread.
/// </summary>
internal sealed class Connector(string hostname, DeliveryTimeouts timeouts, IDialer dialer, Heartbeat heartbeat, TimeProvider time, RelayMetrics metrics)
{
    public async ValueTask<ConnectResult> ConnectAsync(ConnectionKey key)
    {
        ConnectResult result = await ConnectAsync(key, clear: key.Tls == OutboundTls.None).ConfigureAwait(false);
        if (key.Tls == OutboundTls.Opportunistic && key.Scheme == NextHopScheme.Smtp && result.Failure is { TlsBroken: true })
        {
            ConnectResult clear = await ConnectAsync(key, clear: true).ConfigureAwait(false);
            return clear;
        }

        return result;
    }

    private async ValueTask<ConnectResult> ConnectAsync(ConnectionKey key, bool clear)
    {
        Dialed dialed;
        using (var cancel = new CancellationTokenSource(timeouts.Connect, time))
        {
            try
            {
                dialed = await dialer.DialAsync(new IPEndPoint(key.Address, key.Port), cancel.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or IOException)
            {
                metrics.OutboundFailed("connect");
                return new ConnectResult(null, AttemptFailure.CannotConnect(e));
            }
        }

        metrics.OutboundOpened();
        var connection = new OutboundConnection(key, dialed, heartbeat, time.GetTimestamp());
        AttemptFailure? failure = await IntroduceAsync(connection, clear).ConfigureAwait(false);
        if (failure is null)
        {
            return new ConnectResult(connection, null);
        }

        await connection.DisposeAsync().ConfigureAwait(false);
        metrics.OutboundClosed();
        metrics.OutboundFailed(failure.TlsBroken ? "tls" : "greeting");
        return new ConnectResult(null, failure);
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
            return null;
        }

        if (!connection.Extensions.StartTls)
        {
            return key.Tls == OutboundTls.Opportunistic ? null : AttemptFailure.TlsNotOffered();
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
            // RFC 3207 §4.1: 454 is temporary; opportunistic TLS goes on without it, on this connection, where nothing has changed.
            return key.Tls == OutboundTls.Opportunistic && ready.Reply.Code != 421 ? null : AttemptFailure.Refused(ready.Reply);
        }

        // RFC 3207 §4.2: what the server said in clear is forgotten.
        return await HandshakeAsync(connection).ConfigureAwait(false) ?? await HelloAsync(connection).ConfigureAwait(false);
    }

    private async ValueTask<AttemptFailure?> HandshakeAsync(OutboundConnection connection)
    {
        ConnectionKey key = connection.Key;
        bool verify = key.Tls == OutboundTls.Verified;
        string? failure = await connection.StartTlsAsync(new SslClientAuthenticationOptions
        {
            TargetHost = key.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
#pragma warning disable CA5359 // Unverified TLS takes any certificate on purpose: it defends against listening, not against an impostor (RFC 7435).
            RemoteCertificateValidationCallback = verify ? null : static (_, _, _, _) => true,
#pragma warning restore CA5359
        }, verify ? "pkix" : "none", timeouts.Tls).ConfigureAwait(false);
        return failure is null ? null : AttemptFailure.TlsFailed(failure);
    }

    private async ValueTask<AttemptFailure?> HelloAsync(OutboundConnection connection)
    {
        CommandWriter.Ehlo(connection.Output, hostname);
        string? unsent = await connection.FlushAsync(timeouts.Command).ConfigureAwait(false);
        ReplyRead hello = unsent is null ? await connection.ReadEhloAsync(timeouts.Command).ConfigureAwait(false) : new ReplyRead(default, unsent);
        if (hello.Failure is null && hello.Reply.IsPermanent)
        {
            // RFC 5321 §4.1.4: an old server refuses EHLO and knows HELO.
            connection.Extensions = default;
            CommandWriter.Helo(connection.Output, hostname);
            unsent = await connection.FlushAsync(timeouts.Command).ConfigureAwait(false);
            hello = unsent is null ? await connection.ReadReplyAsync(timeouts.Command).ConfigureAwait(false) : new ReplyRead(default, unsent);
        }

        return Refusal(hello, "the reply to EHLO");
    }

    private static AttemptFailure? Refusal(in ReplyRead read, string what) =>
        read.Failure is { } lost ? AttemptFailure.Lost(FailureScope.Host, lost, what)
        : read.Reply.IsPositive ? null
        : AttemptFailure.Refused(read.Reply);
}
