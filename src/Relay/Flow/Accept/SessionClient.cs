using System.Net;
using System.Text;
using Relay.Flow.Abuse;
using Relay.Flow.Login;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;
using Relay.Tls;

namespace Relay.Flow.Accept;

/// <summary>
/// Who a session's client is: where it comes from, what it calls itself, and what it may do for that. Its session's loop alone changes it; permission, limits, trace field and logs read it here
/// and nowhere else, so that they can't disagree when a proxy says for whom it speaks.
/// </summary>
internal sealed class SessionClient : IDisposable
{
    private readonly SessionServices _services;
    private readonly AcceptSettings _settings;
    private Task<string?>? _name;
    private bool _isCounted;
    private bool _isNetworkCounted;
    private Origin _counted;
    private Task<DnsVerdict>? _verdict;
    private Reply? _listed;
    private bool _isTrusted;
    private bool _hasTrustedCertificate;
    private bool? _announcedExtended;
    private bool _isHelloAnnounced;

    /// <summary>Of which the account is as it is.</summary>
    private ILoginSource? _source;

    public SessionClient(IPEndPoint peer, SessionServices services, AcceptSettings settings)
    {
        _services = services;
        _settings = settings;
        EndPoint = peer;
        AddressText = "";
        Connect(peer);
    }

    /// <summary>The address at which the client found us; null when that isn't known.</summary>
    public IPAddress? Server { get; init; }

    /// <summary>Never a v4-mapped address: that is the v4 address it is.</summary>
    public IPEndPoint EndPoint { get; private set; }

    public string AddressText { get; private set; }

    /// <summary>The name from EHLO or HELO; empty before.</summary>
    public byte[] Hello { get; private set; } = [];

    public string HelloText { get; private set; } = "";

    /// <summary>EHLO, not HELO.</summary>
    public bool IsExtended { get; private set; }

    /// <summary>Who has logged in; null: nobody.</summary>
    public string? Login { get; private set; }

    /// <summary>The account that has; null also for somebody of whom only a proxy knows.</summary>
    public Account? Account { get; private set; }

    /// <summary>What the client has shown in the handshake, when it can log in by it; null: nothing of that kind. A proxy's is not its clients'.</summary>
    public ClientCertificate? Certificate { get; private set; }

    /// <summary>Turned away at the greeting.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>Where it comes from, to be counted.</summary>
    public Origin Origin { get; private set; }

    /// <summary>DNS lists are still being asked about it, and nobody has waited for them yet.</summary>
    public bool IsBeingJudged => _verdict is { IsCompleted: false } && Login is null;

    /// <summary>May say by XCLIENT for whom it speaks.</summary>
    public bool IsProxy { get; private set; }

    /// <summary>May, for where it comes from.</summary>
    public bool IsTrusted => _isTrusted;

    /// <summary>May send to any domain.</summary>
    public bool MayRelay => _isTrusted || _hasTrustedCertificate || Login is not null;

    /// <summary>The name that DNS gives for the address; null when there is none or it isn't known yet: nothing waits for it.</summary>
    public string? Name => _name is { IsCompletedSuccessfully: true } name ? name.GetAwaiter().GetResult() : null;

    /// <summary>Waits for <see cref="Name"/>, but not long: whoever asks can do without.</summary>
    public async ValueTask<string?> NameWithinAsync(TimeSpan limit)
    {
        if (_name is { IsCompleted: false } name)
        {
            await Task.WhenAny(name, Task.Delay(limit, _services.Time, _services.Stopping)).ConfigureAwait(false);
        }

        return Name;
    }

    /// <summary>Takes what the connection, or the PROXY header on it, says of where it comes from.</summary>
    public void Connect(IPEndPoint source)
    {
        ComeFrom(source);
        IsProxy = _settings.Access.XClientFrom.Covers(EndPoint.Address);
    }

    /// <summary>
    /// Takes what a proxy says by XCLIENT, as far as it says something; what it can't say is unknown, and never the proxy's own. A name it gave for HELO stays when the proxy itself says EHLO.
    /// </summary>
    public void Become(in XClientAttributes attributes)
    {
        Forget();
        Show(null);
        if ((attributes.Given & (XClientKeys.Address | XClientKeys.Port)) != 0)
        {
            bool hasAddress = (attributes.Given & XClientKeys.Address) != 0;
            ComeFrom(new IPEndPoint(hasAddress ? attributes.Address ?? IPAddress.Any : EndPoint.Address, attributes.Port ?? 0));
        }

        if ((attributes.Given & XClientKeys.Name) != 0)
        {
            _name = Task.FromResult(attributes.Name);
        }

        if ((attributes.Given & XClientKeys.Hello) != 0)
        {
            Hello = Encoding.ASCII.GetBytes(attributes.Hello ?? "");
            HelloText = attributes.Hello ?? "";
            _isHelloAnnounced = true;
        }

        if ((attributes.Given & XClientKeys.Protocol) != 0)
        {
            _announcedExtended = attributes.IsExtended;
        }

        if ((attributes.Given & XClientKeys.Login) != 0)
        {
            Login = attributes.Login;
            Account = attributes.Login is { } login ? _services.Logins.Source?.Find(login) : null;
        }
    }

    public void Introduce(ReadOnlySpan<byte> name, bool extended)
    {
        IsExtended = _announcedExtended ?? extended;
        // Mostly the same as before: then nothing is allocated.
        if (!_isHelloAnnounced && !name.SequenceEqual(Hello))
        {
            Hello = name.ToArray();
            HelloText = Encoding.ASCII.GetString(name);
        }
    }

    /// <summary>The handshake has shown this certificate.</summary>
    public void Show(ClientCertificate? certificate)
    {
        Certificate = certificate is not null && (certificate.IsVerified || _services.Logins.Source?.Find(certificate) is not null) ? certificate : null;
        _hasTrustedCertificate = certificate is not null && _settings.Role == ListenerRole.Relay && _settings.Access.RelayCertificates.Contains(certificate.Fingerprint);
    }

    public void LogIn(Account account) => (Account, Login) = (account, account.Name);

    /// <summary>Takes what has become of the account since it logged in. False: it is no more, and nobody is logged in.</summary>
    public bool RenewLogin()
    {
        ILoginSource? source = _services.Logins.Source;
        if (ReferenceEquals(source, _source))
        {
            return true;
        }

        _source = source;
        Account = source?.Renew(Account!);
        Login = Account?.Name;
        return Account is not null;
    }

    /// <summary>All that the client said of itself is forgotten (RFC 3207 §4.2).</summary>
    public void Forget()
    {
        _announcedExtended = null;
        _isHelloAnnounced = false;
        Login = null;
        Account = null;
        Introduce([], extended: false);
    }

    /// <summary>
    /// Whether the client may come in: null, and its connection counts from then on, its name and what DNS lists say of it are being looked up; or the reply for it. A proxy counts only as those for whom it speaks. Nothing is asked of anybody for who
    /// stays outside.
    /// </summary>
    public Reply? Admit(out ConnectionEnd end)
    {
        end = ConnectionEnd.TooManyConnections;
        Dispose();
        if (IsProxy && _settings.Access.XClientFrom.Covers(EndPoint.Address))
        {
            LookUpName();
            return null;
        }

        Origin origin = Origin;
        if (_services.Abuse.IsBanned(origin))
        {
            end = ConnectionEnd.Banned;
            _services.Abuse.Refuse(origin, "banned");
            return Replies.Banned421;
        }

        if (!_services.Abuse.TryConnect(origin))
        {
            _services.Abuse.Refuse(origin, "connection_rate");
            return Replies.TooManyConnectionsLately421;
        }

        if (!TryCount(origin))
        {
            return Replies.TooManyConnections421;
        }

        LookUpName();
        _verdict = IsBlocked ? null : _services.Abuse.Judge(origin, _settings.Role == ListenerRole.Submission, _services.Stopping);
        return null;
    }

    /// <summary>Waits until DNS lists have said what they have to say, but not for long.</summary>
    public async ValueTask AwaitJudgementAsync()
    {
        if (_verdict is { } verdict)
        {
            Task wait = verdict.WaitAsync(_settings.ListWait, _services.Time, _services.Stopping);
            await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!verdict.IsCompleted)
            {
                _services.Metrics.ListAnswered("late");
                _verdict = null;
            }
        }
    }

    /// <summary>What a client that DNS lists speak against is told at RCPT; null for others, for who has logged in, and while they haven't answered.</summary>
    public Reply? Judgement()
    {
        if (_verdict is { IsCompleted: true } done && Login is null)
        {
            _verdict = null;
            // Cancelled when the relay stops.
            if (done.IsCompletedSuccessfully && done.GetAwaiter().GetResult() is var verdict && _services.Abuse.IsRefused(Origin, verdict))
            {
                _listed = Reply.Of(ReplyCode.MailboxUnavailable550, 5, 7, 1, $"client [{AddressText}] is listed by {verdict.Zone}{(verdict.Text.Length == 0 ? "" : ": " + verdict.Text)}");
            }
        }

        return Login is null ? _listed : null;
    }

    /// <summary>The connection counts no more.</summary>
    public void Dispose()
    {
        if (_isNetworkCounted)
        {
            _services.Connections.Leave(_counted.Network);
        }

        if (_isCounted)
        {
            _services.Connections.Leave(_counted.Key);
        }

        _isCounted = _isNetworkCounted = false;
    }

    private void LookUpName()
    {
        // A loopback client needs no name.
        if (_name is null && _settings.ReverseLookup is { } names && !IPAddress.IsLoopback(EndPoint.Address))
        {
            _name = names.LookUpAsync(EndPoint.Address, _services.Stopping).AsTask();
        }
    }

    private bool TryCount(in Origin origin)
    {
        _counted = origin;
        _isCounted = _services.Connections.TryEnter(origin.Key, _settings.Limits.ConnectionsPerAddress);
        if (_isCounted && origin.MayBan)
        {
            _isNetworkCounted = _services.Connections.TryEnter(origin.Network, _settings.Limits.ConnectionsPerNetwork);
            if (!_isNetworkCounted)
            {
                Dispose();
            }
        }

        return _isCounted;
    }

    private void ComeFrom(IPEndPoint source)
    {
        EndPoint = source.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(source.Address.MapToIPv4(), source.Port) : source;
        AddressText = EndPoint.Address.ToString();
        _isTrusted = _settings.Role == ListenerRole.Relay && _settings.Permission.IsTrusted(EndPoint.Address);
        _name = null;
        _verdict = null;
        _listed = null;
        IsBlocked = _settings.IsBlocked(EndPoint.Address);
        Origin = _settings.OriginOf(EndPoint.Address);
    }
}
