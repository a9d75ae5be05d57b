using System.Security.Cryptography;
using System.Text;

namespace Relay.Daemon.Hosting;

/// <summary>
/// The word that proves to the admin listener that one may: a file that only its owner reads, made at the first start. Another local user can't read it, and a web page can't send it.
/// </summary>
internal sealed class AdminToken
{
    private const int Octets = 32;

    private readonly byte[] _hash;

    private AdminToken(string token) => _hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>Why nobody has it: the file can be neither read nor made. Mail doesn't wait for that. Null when all is well.</summary>
    public string? Fault { get; private init; }

    /// <summary>Reads it, or makes it.</summary>
    public static AdminToken LoadOrCreate(string path)
    {
        string made = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Octets));
        try
        {
            if (!File.Exists(path))
            {
                PrivateFile.Create(path, made + "\n");
            }

            return new AdminToken(Read(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new AdminToken(made) { Fault = e.Message };
        }
    }

    /// <summary>The token in a file, for who wants to send it. Throws IOException or UnauthorizedAccessException with one clear line.</summary>
    public static string Read(string path) => File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : throw new IOException($"{path} holds no token: remove it, and the relay makes one at its next start");

    /// <summary>In a time that says nothing of how much was right.</summary>
    public bool Is(string token) => CryptographicOperations.FixedTimeEquals(_hash, SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
