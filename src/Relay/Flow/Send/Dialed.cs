using System.IO.Pipelines;
using System.Net;

namespace Relay.Flow.Send;

/// <summary>An open transport. Whoever dialed owns it; <see cref="Close"/> drops it at once, whatever is still under way.</summary>
internal readonly record struct Dialed(IDuplexPipe Transport, IPAddress? Source, IDisposable Close);
