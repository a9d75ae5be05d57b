using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>
/// SCRAM-SHA-256 as the client (RFC 5802, RFC 7677), without channel binding: <see cref="First"/>, the server's first message to <see cref="TryFinal"/>, the server's last one to <see cref="IsProof"/>.
/// One exchange, one thread. What the server sends is never an exception. Name and password are taken as they are: ASCII needs no preparation (RFC 4013).
/// </summary>
public sealed class ScramClient
{
    /// <summary>RFC 7677 §4. Fewer would let an impostor guess the password from one exchange.</summary>
    private const int LeastIterations = 4096;

    /// <summary>More than anybody recommends: a server can't keep us busy for longer than about half a second.</summary>
    private const int MostIterations = 1_000_000;

    // GS2: no channel binding, no identity to act as.
    private const string Header = "n,,";
    private const string HeaderBase64 = "biws";

    private readonly string _password;
    private readonly string _nonce;
    private readonly string _firstBare;
    private byte[]? _serverSignature;

    /// <summary>Begins an exchange. The nonce is printable ASCII without commas, and never the same twice.</summary>
    public ScramClient(string user, string password, string nonce)
    {
        _password = password;
        _nonce = nonce;
        // RFC 5802 §5.1: saslname.
        string name = user.Replace("=", "=3D", StringComparison.Ordinal).Replace(",", "=2C", StringComparison.Ordinal);
        _firstBare = $"n={name},r={nonce}";
    }

    /// <summary>A nonce of 144 bits.</summary>
    public static string NewNonce() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));

    /// <summary>client-first-message.</summary>
    public byte[] First() => Encoding.UTF8.GetBytes(Header + _firstBare);

    /// <summary>
    /// From <c>server-first-message = nonce "," salt "," iteration-count ["," extensions]</c> our client-final-message, which proves that we know the password. False when the server's
    /// message isn't one that an honest server sends.
    /// </summary>
    public bool TryFinal(ReadOnlySpan<byte> serverFirst, out byte[] final)
    {
        final = [];
        if (!IsPrintable(serverFirst))
        {
            return false;
        }

        string first = Encoding.UTF8.GetString(serverFirst);
        string[] parts = first.Split(',');
        // RFC 5802 §7: the server's nonce is ours and more. An extension that must be understood (m=) comes first, and we know none.
        if (parts.Length < 3 || !parts[0].StartsWith("r=" + _nonce, StringComparison.Ordinal) || parts[0].Length == _nonce.Length + 2
            || !parts[1].StartsWith("s=", StringComparison.Ordinal) || !TryBase64(parts[1].AsSpan(2), out byte[] salt) || salt.Length == 0
            || !parts[2].StartsWith("i=", StringComparison.Ordinal)
            || !int.TryParse(parts[2].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int iterations) || iterations is < LeastIterations or > MostIterations)
        {
            return false;
        }

        string withoutProof = $"c={HeaderBase64},{parts[0]}";
        byte[] message = Encoding.UTF8.GetBytes($"{_firstBare},{first},{withoutProof}");
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(_password), salt, iterations, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        byte[] clientKey = HMACSHA256.HashData(salted, "Client Key"u8);
        byte[] proof = HMACSHA256.HashData(SHA256.HashData(clientKey), message);
        for (int i = 0; i < proof.Length; i++)
        {
            proof[i] ^= clientKey[i];
        }

        _serverSignature = HMACSHA256.HashData(HMACSHA256.HashData(salted, "Server Key"u8), message);
        CryptographicOperations.ZeroMemory(salted);
        CryptographicOperations.ZeroMemory(clientKey);
        final = Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}");
        return true;
    }

    /// <summary>Whether <c>server-final-message = "v=" base64 ["," extensions]</c> proves that the server knows our password. Only then is it the one we meant.</summary>
    public bool IsProof(ReadOnlySpan<byte> serverFinal)
    {
        if (_serverSignature is null || !IsPrintable(serverFinal))
        {
            return false;
        }

        string verifier = Encoding.UTF8.GetString(serverFinal).Split(',')[0];
        return verifier.StartsWith("v=", StringComparison.Ordinal) && TryBase64(verifier.AsSpan(2), out byte[] signature) &&
            CryptographicOperations.FixedTimeEquals(signature, _serverSignature);
    }

    private static bool IsPrintable(ReadOnlySpan<byte> text) => !text.ContainsAnyExceptInRange((byte)' ', (byte)'~');

    private static bool TryBase64(ReadOnlySpan<char> text, out byte[] octets)
    {
        octets = new byte[text.Length];
        bool valid = Convert.TryFromBase64Chars(text, octets, out int length);
        octets = octets[..length];
        return valid;
    }
}
