using System.Net;
using System.Text;
using Relay.Flow.Policy;

namespace Relay.Flow.Accept;

/// <summary>
/// Who a session's client is: where it comes from, what it calls itself, and what it may do for that. Its session's loop alone changes it; permission, limits, trace field and logs read it here
/// and nowhere else, so that they can't disagree when a proxy says for whom it speaks.
/// </summary>
internal sealed class SessionClient
{
    private readonly AcceptSettings _settings;
    private readonly CancellationToken _stopping;
    private Task<string?>? _lookup;

    public SessionClient(IPEndPoint endPoint, AcceptSettings settings, CancellationToken stopping)
    {
        _settings = settings;
        _stopping = stopping;
        EndPoint = endPoint;
        AddressText = "";
        ComeFrom(endPoint);
    }

    /// <summary>Never a v4-mapped address: that is the v4 address it is.</summary>
    public IPEndPoint EndPoint { get; private set; }

    public string AddressText { get; private set; }

    /// <summary>The name from EHLO or HELO; empty before.</summary>
    public byte[] Hello { get; private set; } = [];

    public string HelloText { get; private set; } = "";

    /// <summary>EHLO, not HELO.</summary>
    public bool IsExtended { get; private set; }

    /// <summary>Turned away at the greeting.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>May send to any domain.</summary>
    public bool MayRelay { get; private set; }

    /// <summary>The name that DNS gives for the address; null when there is none or it isn't known yet: nothing waits for it.</summary>
    public string? Name => _lookup is { IsCompletedSuccessfully: true } name ? name.GetAwaiter().GetResult() : null;

    /// <summary>Takes another source for the client's; nothing it said before holds for it.</summary>
    public void ComeFrom(IPEndPoint endPoint)
    {
        EndPoint = endPoint.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(endPoint.Address.MapToIPv4(), endPoint.Port) : endPoint;
        AddressText = EndPoint.Address.ToString();
        IsBlocked = _settings.Access.Blocked.Covers(EndPoint.Address);
        MayRelay = _settings.Role == ListenerRole.Relay && _settings.Permission.IsTrusted(EndPoint.Address);
        Forget();
        // A loopback client needs no name.
        _lookup = _settings.ReverseLookup is { } names && !IPAddress.IsLoopback(EndPoint.Address) ? names.LookUpAsync(EndPoint.Address, _stopping).AsTask() : null;
    }

    public void Introduce(ReadOnlySpan<byte> name, bool extended)
    {
        IsExtended = extended;
        // Mostly the same as before: then nothing is allocated.
        if (!name.SequenceEqual(Hello))
        {
            Hello = name.ToArray();
            HelloText = Encoding.ASCII.GetString(name);
        }
    }

    /// <summary>All that the client said of itself is forgotten (RFC 3207 §4.2).</summary>
    public void Forget() => Introduce([], extended: false);
}
