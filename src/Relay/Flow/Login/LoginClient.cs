using System.Net;
using Relay.Tls;

namespace Relay.Flow.Login;

/// <summary>What a mechanism may want to know of the connection.</summary>
/// <param name="Remote">Who logs in.</param>
/// <param name="Local">Where; null when that isn't known.</param>
/// <param name="Binding">What tls-server-end-point says of the connection (RFC 5929 §4).</param>
/// <param name="Certificate">What the client has shown, when it can log in by it.</param>
internal sealed record LoginClient(IPEndPoint Remote, IPEndPoint? Local, Func<byte[]> Binding, ClientCertificate? Certificate);
