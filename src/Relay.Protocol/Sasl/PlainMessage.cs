using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>The one message of PLAIN (RFC 4616 §2): <c>[authzid] NUL authcid NUL passwd</c>, without an identity to act as.</summary>
public static class PlainMessage
{
    /// <summary>Neither may hold NUL.</summary>
    public static byte[] Of(string user, string password) => Encoding.UTF8.GetBytes($"\0{user}\0{password}");
}
