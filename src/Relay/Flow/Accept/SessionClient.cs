using System.Net;
using System.Text;
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
    private IPAddress? _counted;
    private bool _isTrusted;
    private bool _hasTrustedCertificate;
    private bool? _announcedExtended;
    private bool _isHelloAnnounced;

    public SessionClient(IPEndPoint peer, SessionServices services, AcceptSettings settings)
    {
        _services = services;
        _settings = settings;
        EndPoint = peer;
        AddressText = "";
        Connect(peer);
    }

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
    public bool IsBlocked => _settings.Access.Blocked.Covers(EndPoint.Address);

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
            Account = attributes.Login is { } login ? _settings.Accounts?.Find(login) : null;
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
        Certificate = certificate is not null && (certificate.IsVerified || _settings.Accounts?.Find(certificate, []) is not null) ? certificate : null;
        _hasTrustedCertificate = certificate is not null && _settings.Role == ListenerRole.Relay && _settings.Access.RelayCertificates.Contains(certificate.Fingerprint);
    }

    public void LogIn(Account account) => (Account, Login) = (account, account.Name);

    /// <summary>All that the client said of itself is forgotten (RFC 3207 §4.2).</summary>
    public void Forget()
    {
        _announcedExtended = null;
        _isHelloAnnounced = false;
        Login = null;
        Account = null;
        Introduce([], extended: false);
    }

    /// <summary>Whether the client's address may have one more connection; it counts from then on. A proxy counts only as those for whom it speaks.</summary>
    public bool TryCount()
    {
        IPAddress address = EndPoint.Address;
        Dispose();
        if (IsProxy && _settings.Access.XClientFrom.Covers(address))
        {
            return true;
        }

        if (!_services.Connections.TryEnter(address, _settings.Limits.ConnectionsPerAddress))
        {
            return false;
        }

        _counted = address;
        return true;
    }

    /// <summary>The connection counts no more.</summary>
    public void Dispose()
    {
        if (_counted is { } address)
        {
            _counted = null;
            _services.Connections.Leave(address);
        }
    }

    private void ComeFrom(IPEndPoint source)
    {
        EndPoint = source.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(source.Address.MapToIPv4(), source.Port) : source;
        AddressText = EndPoint.Address.ToString();
        _isTrusted = _settings.Role == ListenerRole.Relay && _settings.Permission.IsTrusted(EndPoint.Address);
        // A loopback client needs no name.
        _name = _settings.ReverseLookup is { } names && !IPAddress.IsLoopback(EndPoint.Address) ? names.LookUpAsync(EndPoint.Address, _services.Stopping).AsTask() : null;
    }
}
