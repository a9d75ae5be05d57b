using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using Relay.Protocol.Smtp;

namespace Relay.Daemon.Probe;

/// <summary>Makes the connections of one probe: so many at most, with a pause between them. Failures are those of <see cref="ProbeConnection"/>. Used by one thread at a time.</summary>
internal sealed class ProbeDialer(ProbeOptions options, IPAddress server, TimeProvider time)
{
    /// <summary>A server that ends the connection after each trick needs about as many as there are tricks and controls.</summary>
    private const int MostConnections = 200;

    private int _connections;

    public IPAddress Server => server;

    /// <summary>Connected and nothing said; with <paramref name="opening"/>, nothing but that.</summary>
    public async Task<ProbeConnection> ConnectAsync(string? opening, CancellationToken stop)
    {
        if (_connections++ == MostConnections)
        {
            throw new IOException("it took more connections than a probe makes");
        }

        if (_connections > 1 && options.Pause > TimeSpan.Zero)
        {
            await Task.Delay(options.Pause, time, stop).ConfigureAwait(false);
        }

        ProbeConnection connection = await ProbeConnection.OpenAsync(new IPEndPoint(server, options.Port), options.Timeout, stop).ConfigureAwait(false);
        return opening is null ? connection : await DoneAsync(connection, () => connection.WriteAsync(opening + "\r\n", stop)).ConfigureAwait(false);
    }

    /// <summary>Connected and greeted, with implicit TLS where that is spoken.</summary>
    public async Task<ProbeConnection> GreetAsync(string? opening, CancellationToken stop)
    {
        ProbeConnection connection = await ConnectAsync(opening, stop).ConfigureAwait(false);
        return await DoneAsync(connection, async () =>
        {
            if (options.Tls == ProbeTls.Implicit)
            {
                await SecureAsync(connection, SslProtocols.None, stop).ConfigureAwait(false);
            }

            await connection.GreetAsync(stop).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <summary>Ready for a transaction: greeted, in TLS where that is wanted, and hello said.</summary>
    public async Task<ProbeConnection> OpenAsync(string? opening, CancellationToken stop)
    {
        ProbeConnection connection = await GreetAsync(opening, stop).ConfigureAwait(false);
        return await DoneAsync(connection, async () =>
        {
            PeerReply hello = opening is null ? await connection.HelloAsync(stop).ConfigureAwait(false) : await connection.CommandAsync($"EHLO {ProbeNames.Literal(connection.Client)}", stop).ConfigureAwait(false);
            if (opening is not null && !hello.IsPositive)
            {
                // An opening that the server didn't take for one is a command, refused first.
                hello = await connection.ReadAsync(stop).ConfigureAwait(false);
            }

            if (options.Tls == ProbeTls.StartTls)
            {
                await StartTlsAsync(connection, SslProtocols.None, stop).ConfigureAwait(false);
                hello = await connection.HelloAsync(stop).ConfigureAwait(false);
            }

            if (!hello.IsPositive)
            {
                throw new IOException($"the server answers EHLO with {hello.Words}");
            }
        }).ConfigureAwait(false);
    }

    public Task SecureAsync(ProbeConnection connection, SslProtocols versions, CancellationToken stop) => connection.SecureAsync(options.Host, versions, stop);

    public async Task StartTlsAsync(ProbeConnection connection, SslProtocols versions, CancellationToken stop)
    {
        PeerReply reply = await connection.CommandAsync("STARTTLS", stop).ConfigureAwait(false);
        if (!reply.IsPositive)
        {
            throw new IOException($"the server answers STARTTLS with {reply.Words}");
        }

        await SecureAsync(connection, versions, stop).ConfigureAwait(false);
    }

    /// <summary>True for what goes wrong with a server, what it shows for a certificate, or the way to it.</summary>
    public static bool IsTrouble(Exception e) => e is IOException or TimeoutException or CryptographicException;

    /// <summary>Leaves as one should; that the server may have gone before matters to nobody.</summary>
    public static async Task LeaveAsync(ProbeConnection connection, CancellationToken stop)
    {
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                await connection.CommandAsync("QUIT", stop).ConfigureAwait(false);
            }
            catch (Exception e) when (IsTrouble(e))
            {
                // It is closed, one way or the other.
            }
        }
    }

    private static async Task<ProbeConnection> DoneAsync(ProbeConnection connection, Func<Task> step)
    {
        try
        {
            await step().ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
