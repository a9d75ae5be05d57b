using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>The one message of PLAIN (RFC 4616 §2): <c>[authzid] NUL authcid NUL passwd</c>, without an identity to act as.</summary>
public static class PlainMessage
{
    /// <summary>Neither may hold NUL.</summary>
    public static byte[] Of(string user, string password) => Encoding.UTF8.GetBytes($"\0{user}\0{password}");

    /// <summary>Where name and password lie in it; false when it isn't one. To act as somebody else is nobody's right here: then the name is empty, which is no user's.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out Range user, out Range password)
    {
        user = default;
        password = default;
        if (message.Count((byte)0) != 2)
        {
            return false;
        }

        int first = message.IndexOf((byte)0);
        int second = message.LastIndexOf((byte)0);
        ReadOnlySpan<byte> actsAs = message[..first];
        user = (first + 1)..second;
        password = (second + 1)..message.Length;
        if (!actsAs.IsEmpty && !actsAs.SequenceEqual(message[user]))
        {
            user = default;
        }

        return true;
    }
}
