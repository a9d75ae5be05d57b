using System.Globalization;
using System.Security.Cryptography;

namespace Relay.Protocol.Sasl;

/// <summary>
/// What a server keeps of a password (RFC 5802 §3, RFC 7677), in the form of RFC 5803: <c>SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey</c>. It tells a right password from a wrong one, whether the password itself
/// comes (PLAIN, LOGIN) or only its proof, and who reads it can't log in with it. Immutable; any thread.
/// </summary>
public sealed class ScramVerifier
{
    /// <summary>Fewer make it too easy to find the password of a file that was stolen.</summary>
    public const int LeastIterations = 10_000;

    /// <summary>What a new one has: some milliseconds.</summary>
    public const int DefaultIterations = 20_000;

    /// <summary>More would keep the relay busy for long, and many clients refuse.</summary>
    public const int MostIterations = 1_000_000;

    private const string Scheme = "SCRAM-SHA-256$";
    private const int SaltLength = 16;

    private readonly byte[] _salt;
    private readonly byte[] _storedKey;
    private readonly byte[] _serverKey;

    /// <summary>The keys have 32 octets each. The arrays are the verifier's from then on.</summary>
    public ScramVerifier(byte[] salt, int iterations, byte[] storedKey, byte[] serverKey)
    {
        _salt = salt;
        Iterations = iterations;
        _storedKey = storedKey;
        _serverKey = serverKey;
    }

    public ReadOnlySpan<byte> Salt => _salt;

    public int Iterations { get; }

    public ReadOnlySpan<byte> StoredKey => _storedKey;

    public ReadOnlySpan<byte> ServerKey => _serverKey;

    /// <summary>Of a new password, with a salt of its own. Takes milliseconds: see <see cref="Matches"/>.</summary>
    public static ScramVerifier Of(ReadOnlySpan<byte> password) => Of(password, RandomNumberGenerator.GetBytes(SaltLength), DefaultIterations);

    /// <summary>As above, with a given salt.</summary>
    public static ScramVerifier Of(ReadOnlySpan<byte> password, byte[] salt, int iterations)
    {
        byte[] storedKey = new byte[SHA256.HashSizeInBytes];
        byte[] serverKey = new byte[SHA256.HashSizeInBytes];
        Derive(password, salt, iterations, storedKey, serverKey);
        return new ScramVerifier(salt, iterations, storedKey, serverKey);
    }

    /// <summary>From the text form; null when it isn't one, or has fewer or more iterations than are of use.</summary>
    public static ScramVerifier? Parse(string text)
    {
        string[] parts = text.StartsWith(Scheme, StringComparison.Ordinal) ? text[Scheme.Length..].Split(':', '$') : [];
        return parts.Length == 4 && text.AsSpan(Scheme.Length).Count('$') == 1
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int iterations) && iterations is >= LeastIterations and <= MostIterations
            && TryBase64(parts[1], out byte[] salt) && salt.Length is >= 8 and <= 64
            && TryBase64(parts[2], out byte[] storedKey) && storedKey.Length == SHA256.HashSizeInBytes
            && TryBase64(parts[3], out byte[] serverKey) && serverKey.Length == SHA256.HashSizeInBytes
            ? new ScramVerifier(salt, iterations, storedKey, serverKey)
            : null;
    }

    /// <summary>The text form: a secret, for the file only.</summary>
    public string Format() => string.Create(
        CultureInfo.InvariantCulture, $"{Scheme}{Iterations}:{Convert.ToBase64String(_salt)}${Convert.ToBase64String(_storedKey)}:{Convert.ToBase64String(_serverKey)}");

    /// <summary>Whether that is the password. PBKDF2 takes milliseconds of a processor for it: not for a thread that serves others.</summary>
    public bool Matches(ReadOnlySpan<byte> password)
    {
        Span<byte> storedKey = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> serverKey = stackalloc byte[SHA256.HashSizeInBytes];
        Derive(password, _salt, Iterations, storedKey, serverKey);
        bool matches = CryptographicOperations.FixedTimeEquals(storedKey, _storedKey);
        CryptographicOperations.ZeroMemory(storedKey);
        CryptographicOperations.ZeroMemory(serverKey);
        return matches;
    }

    private static void Derive(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int iterations, Span<byte> storedKey, Span<byte> serverKey)
    {
        Span<byte> salted = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> clientKey = stackalloc byte[SHA256.HashSizeInBytes];
        Rfc2898DeriveBytes.Pbkdf2(password, salt, salted, iterations, HashAlgorithmName.SHA256);
        HMACSHA256.HashData(salted, "Client Key"u8, clientKey);
        SHA256.HashData(clientKey, storedKey);
        HMACSHA256.HashData(salted, "Server Key"u8, serverKey);
        CryptographicOperations.ZeroMemory(salted);
        CryptographicOperations.ZeroMemory(clientKey);
    }

    private static bool TryBase64(string text, out byte[] octets)
    {
        octets = new byte[text.Length];
        bool valid = Convert.TryFromBase64String(text, octets, out int length);
        octets = octets[..length];
        return valid;
    }
}
