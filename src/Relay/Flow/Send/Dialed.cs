using System.IO.Pipelines;
using System.Net;

namespace Relay.Flow.Send;

/// <summary>
/// An open transport. Whoever dialed owns it; <see cref="Close"/> drops it at once, whatever is still under way. <see cref="AckNow"/>, where there is such a thing, has the peer told at once what has come from it: many
/// hold back a second small piece until the first is acknowledged (Nagle), for which the system otherwise takes 40 ms.
/// </summary>
internal readonly record struct Dialed(IDuplexPipe Transport, IPAddress? Source, IDisposable Close, Action? AckNow = null);
