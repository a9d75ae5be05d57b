using System.Security.Cryptography;
using System.Text;

namespace Relay.Tests.Flow.Send;

/// <summary>The server's side of SCRAM-SHA-256 (RFC 5802 §3), written from the formulas, for one exchange at a time; honest or not.</summary>
public sealed class ScramServer(string user, string password, ScramServer.Behaviour behaviour)
{
    private readonly byte[] _salt = RandomNumberGenerator.GetBytes(16);
    private string _clientFirstBare = "";
    private string _first = "";
    private string _nonce = "";

    public enum Behaviour
    {
        Honest,

        /// <summary>Takes any proof and makes one up.</summary>
        KnowsNoPassword,

        /// <summary>Says 235 at once.</summary>
        ProvesNothing,

        OtherNonce,
    }

    /// <summary>The reply to a line of the exchange; null for any other.</summary>
    public string? Answer(string line)
    {
        if (line.StartsWith("AUTH SCRAM-SHA-256 ", StringComparison.Ordinal))
        {
            string clientFirst = Decode(line["AUTH SCRAM-SHA-256 ".Length..]);
            Assert.StartsWith("n,,n=" + user + ",r=", clientFirst, StringComparison.Ordinal);
            _clientFirstBare = clientFirst[3..];
            _nonce = (behaviour == Behaviour.OtherNonce ? "abc" : clientFirst[(clientFirst.IndexOf(",r=", StringComparison.Ordinal) + 3)..]) + "server";
            _first = $"r={_nonce},s={Convert.ToBase64String(_salt)},i=4096";
            return "334 " + Encode(_first);
        }

        if (line.Length == 0)
        {
            return "235 2.7.0 welcome";
        }

        if (line == "*")
        {
            return "501 5.7.0 cancelled";
        }

        if (_first.Length == 0 || line.Contains(' ', StringComparison.Ordinal) || line is "." or "DATA" or "QUIT" or "RSET")
        {
            return null;
        }

        if (behaviour == Behaviour.ProvesNothing)
        {
            return "235 2.7.0 welcome";
        }

        string final = Decode(line);
        string withoutProof = final[..final.IndexOf(",p=", StringComparison.Ordinal)];
        Assert.Equal("c=biws,r=" + _nonce, withoutProof);
        byte[] message = Encoding.UTF8.GetBytes($"{_clientFirstBare},{_first},{withoutProof}");
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(behaviour == Behaviour.KnowsNoPassword ? "guess" : password, _salt, 4096, HashAlgorithmName.SHA256, 32);
        if (behaviour == Behaviour.Honest)
        {
            byte[] storedKey = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
            byte[] signature = HMACSHA256.HashData(storedKey, message);
            byte[] proof = Convert.FromBase64String(final[(final.IndexOf(",p=", StringComparison.Ordinal) + 3)..]);
            byte[] clientKey = [.. proof.Zip(signature, static (a, b) => (byte)(a ^ b))];
            if (!SHA256.HashData(clientKey).SequenceEqual(storedKey))
            {
                return "535 5.7.8 wrong";
            }
        }

        byte[] serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), message);
        return "334 " + Encode("v=" + Convert.ToBase64String(serverSignature));
    }

    private static string Decode(string text) => Encoding.UTF8.GetString(Convert.FromBase64String(text));

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
