using System.Text;
using Microsoft.Extensions.Logging;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using Relay.Telemetry;
using Relay.Tls;

namespace Relay.Flow.Login;

/// <summary>
/// Dovecot as a source, over its socket for clients of authentication: one connection, kept, opened again after a pause when it is lost. While there is none nobody logs in, and clients are told to come again. Any thread.
/// </summary>
internal sealed class DovecotLogins : ILoginSource, IAsyncDisposable
{
    /// <summary>Answers that are waited for at a time; who asks then is told to come again.</summary>
    private const int MostWaiting = 200;

    /// <summary>Of what Dovecot can: those that give nothing away inside TLS, the best first.</summary>
    private static readonly string[] Allowed = ["SCRAM-SHA-256", "PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"];

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    /// <summary>A Dovecot that is started anew is back by then.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Task _running;
    private TaskCompletionSource<DovecotConnection> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private DovecotOptions _options;
    private int _waiting;

    // Before it was ever asked: what every Dovecot can.
    private volatile byte[] _mechanisms = "PLAIN LOGIN"u8.ToArray();

    public DovecotLogins(DovecotOptions options, TimeProvider time, ILogger log)
    {
        _options = options;
        _time = time;
        _log = log;
        _running = Task.Run(RunAsync);
    }

    public string Path => _options.Path;

    public ReadOnlySpan<byte> Mechanisms => _mechanisms;

    public ILogin? Begin(ReadOnlySpan<byte> mechanism, LoginClient client)
    {
        string name = Encoding.ASCII.GetString(mechanism).ToUpperInvariant();
        return Encoding.ASCII.GetString(_mechanisms).Split(' ').Contains(name) ? new DovecotLogin(this, name, client) : null;
    }

    public Account? Find(string user)
    {
        DovecotOptions options = Volatile.Read(ref _options);
        return !PreparedText.IsValid(Encoding.UTF8.GetBytes(user)) ? null
            : new Account(user, null, [.. options.Senders.Select(s => s.For(user)).Append(SenderTemplate.Literal(user)).OfType<SenderPattern>()]) { Limits = options.Limits };
    }

    /// <summary>It isn't asked of certificates.</summary>
    public Account? Find(ClientCertificate certificate) => null;

    /// <summary>Whether the user is still there isn't asked; what he may do is as configured now.</summary>
    public Account? Renew(Account account) => Find(account.Name);

    /// <summary>The same socket under other rules.</summary>
    public void Apply(DovecotOptions options) => Volatile.Write(ref _options, options);

    /// <summary>The connection, for which a moment is waited; null: there is none.</summary>
    public async ValueTask<DovecotConnection?> ConnectionAsync(CancellationToken cancel)
    {
        Task<DovecotConnection> connected;
        lock (_gate)
        {
            connected = _connected.Task;
        }

        await ((Task)connected).WaitAsync(Patience, _time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return connected.IsCompletedSuccessfully ? await connected.ConfigureAwait(false) : null;
    }

    /// <summary>As <see cref="DovecotConnection.AskAsync"/>; null also when too many wait already.</summary>
    public async ValueTask<DovecotReply?> AskAsync(DovecotConnection connection, uint id, ReadOnlyMemory<byte> line, CancellationToken cancel)
    {
        try
        {
            return Interlocked.Increment(ref _waiting) > MostWaiting ? null : await connection.AskAsync(id, line, cancel).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        TimeSpan pause = FirstPause;
        bool isSaid = false;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using DovecotConnection connection = await DovecotConnection.OpenAsync(Path, _time, _stop.Token).ConfigureAwait(false);
                string mechanisms = string.Join(' ', Allowed.Where(connection.Mechanisms.Contains));
                if (mechanisms.Length == 0)
                {
                    throw new IOException("it has no mechanism that is any good: " + LogText.Clean(string.Join(' ', connection.Mechanisms)));
                }

                SessionLog.DovecotReady(_log, Path, mechanisms);
                _mechanisms = Encoding.ASCII.GetBytes(mechanisms);
                (pause, isSaid) = (FirstPause, false);
                _connected.TrySetResult(connection);
                await connection.Closed.WaitAsync(_stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                lock (_gate)
                {
                    _connected = new TaskCompletionSource<DovecotConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
                }
            }
            catch (IOException e)
            {
                if (!isSaid && !_stop.IsCancellationRequested)
                {
                    // Once for each time that it is away.
                    isSaid = true;
                    SessionLog.DovecotAway(_log, Path, e.Message);
                }

                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }

            await Task.Delay(pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
