using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Relay.Dns;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;
using Relay.Telemetry;

namespace Relay.Flow.Accept;

/// <summary>
/// Serves one listener's connections: counts them, runs a <see cref="SmtpSession"/> each, and is the one ladder on which whatever went wrong is sorted,
/// counted and logged. The transport (Kestrel, or a pipe in a test) owns the connection; it is done when the returned task is.
/// </summary>
internal sealed class SmtpConnectionHandler(ListenerOptions listener, SessionServices services, AcceptSettings settings) : ConnectionHandler
{
    private AcceptSettings _settings = settings;

    /// <summary>Sessions that begin from now on get the new settings.</summary>
    public void Apply(EngineOptions options, ReverseLookup reverse, DomainCheck domains) => Volatile.Write(ref _settings, new AcceptSettings(options, listener, reverse, domains, services));

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        AcceptSettings settings = Volatile.Read(ref _settings);
        IPEndPoint client = connection.RemoteEndPoint as IPEndPoint ?? new IPEndPoint(IPAddress.None, 0);
        services.Metrics.InboundOpened();
        ConnectionEnd end = ConnectionEnd.Fault;
        try
        {
            if (!services.Connections.TryEnter(settings.Limits.Connections))
            {
                end = ConnectionEnd.TooManyConnections;
                if (listener.Tls != ListenerTls.Implicit)
                {
                    await RefuseAsync(connection.Transport.Output).ConfigureAwait(false);
                }

                return;
            }

            try
            {
                var session = new SmtpSession(connection, client, listener, services, settings);
                await using (session.ConfigureAwait(false))
                {
                    try
                    {
                        end = await session.RunAsync().ConfigureAwait(false);
                    }
                    finally
                    {
                        // A proxy may have said for whom it spoke.
                        client = session.Client;
                    }
                }
            }
            finally
            {
                services.Connections.Leave();
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ConnectionAbortedException or OperationCanceledException or ObjectDisposedException)
        {
            // The transport says this way that the peer, or our own deadline, cut the connection. Nothing was acknowledged that isn't stored.
            end = ConnectionEnd.ClientReset;
        }
        catch (Exception e)
        {
            SessionLog.Faulted(services.Log, client, e);
            connection.Abort(new ConnectionAbortedException("The session failed."));
        }
        finally
        {
            services.Metrics.InboundClosed(end.ToString());
            SessionLog.Ended(services.Log, client, end);
        }
    }

    /// <summary>One small write that a fresh socket always takes: no deadline is needed.</summary>
    private static async Task RefuseAsync(PipeWriter output)
    {
        Reply reply = Replies.TooManyConnections421;
        reply.Wire.CopyTo(output.GetSpan(reply.Wire.Length));
        output.Advance(reply.Wire.Length);
        await output.FlushAsync().ConfigureAwait(false);
    }
}
