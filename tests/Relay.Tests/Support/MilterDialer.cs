using System.Net;
using Relay.Flow.Send;

namespace Relay.Tests.Support;

/// <summary>Dials milters in memory by their addresses, and everything else elsewhere.</summary>
internal sealed class MilterDialer(IDialer others, params ScriptedMilter[] milters) : IDialer
{
    public ValueTask<Dialed> DialAsync(EndPoint to, IPAddress? from, CancellationToken cancel) =>
        Array.Find(milters, m => m.Address.Equals(to)) is { } milter ? milter.DialAsync(cancel) : others.DialAsync(to, from, cancel);
}
