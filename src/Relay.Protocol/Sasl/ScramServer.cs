using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>
/// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as the server (RFC 5802, RFC 7677): <see cref="TryFirst"/>, <see cref="First"/>, <see cref="TryFinal"/>. Channel binding is tls-server-end-point (RFC 5929 §4). One exchange, one thread;
/// nothing here takes long. What the client sends is never an exception. What may not be said before the end (another's identity, a binding that isn't ours, a client that was told of no -PLUS although we offer it) is kept
/// until then, and fails there like a wrong password.
/// </summary>
/// <param name="plus">The client chose -PLUS.</param>
/// <param name="binding">The hash of the server's certificate as tls-server-end-point says; empty: this connection has nothing to bind to, and -PLUS wasn't offered.</param>
public sealed class ScramServer(bool plus, byte[] binding)
{
    private const int NonceOctets = 18;

    // More is no honest nonce; it is echoed.
    private const int MostNonce = 512;

    private byte[] _header = [];
    private byte[] _firstBare = [];
    private byte[] _first = [];
    private string _clientNonce = "";
    private string _nonce = "";
    private ScramVerifier? _verifier;
    private bool _isRefused;

    /// <summary>Once <see cref="TryFirst"/> has read it: the name that logs in, UTF-8 as it came, no longer escaped.</summary>
    public byte[] User { get; private set; } = [];

    /// <summary>Reads <c>client-first-message = gs2-header n=saslname ",r=" c-nonce</c>. False when it isn't one.</summary>
    public bool TryFirst(ReadOnlySpan<byte> message)
    {
        int flagEnd = message.IndexOf((byte)',');
        int headerLength = flagEnd < 0 ? -1 : message[(flagEnd + 1)..].IndexOf((byte)',');
        if (headerLength < 0)
        {
            return false;
        }

        headerLength += flagEnd + 2;
        ReadOnlySpan<byte> flag = message[..flagEnd];
        ReadOnlySpan<byte> actsAs = message[(flagEnd + 1)..(headerLength - 1)];
        ReadOnlySpan<byte> bare = message[headerLength..];
        // An extension that must be understood (m=) comes first, and we know none.
        int nameEnd = bare.IndexOf((byte)',');
        if (!IsFlag(flag) || nameEnd < 0 || !bare.StartsWith("n="u8) || !SaslName.TryRead(bare[2..nameEnd], out byte[] user) || user.Length == 0)
        {
            return false;
        }

        ReadOnlySpan<byte> nonce = bare[(nameEnd + 1)..];
        int nonceEnd = nonce.IndexOf((byte)',');
        nonce = nonceEnd < 0 ? nonce : nonce[..nonceEnd];
        if (!nonce.StartsWith("r="u8) || nonce.Length is < 3 or > MostNonce || nonce.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
        {
            return false;
        }

        if (!actsAs.IsEmpty)
        {
            if (!actsAs.StartsWith("a="u8) || !SaslName.TryRead(actsAs[2..], out byte[] other))
            {
                return false;
            }

            _isRefused = !other.AsSpan().SequenceEqual(user);
        }

        // RFC 5802 §6: who can bind and says that we can't was lied to on the way.
        _isRefused |= plus ? !flag.SequenceEqual("p=tls-server-end-point"u8) || binding.Length == 0 : flag[0] == 'p' || (flag[0] == 'y' && binding.Length > 0);
        User = user;
        _header = message[..headerLength].ToArray();
        _firstBare = bare.ToArray();
        _clientNonce = Encoding.ASCII.GetString(nonce[2..]);
        return true;
    }

    /// <summary>server-first-message, for the user of that verifier, known or made up. <paramref name="nonce"/> is printable ASCII without commas, and never the same twice; null makes one of 144 bits.</summary>
    public byte[] First(ScramVerifier verifier, string? nonce = null)
    {
        _verifier = verifier;
        _nonce = _clientNonce + (nonce ?? Convert.ToBase64String(RandomNumberGenerator.GetBytes(NonceOctets)));
        return _first = Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"r={_nonce},s={Convert.ToBase64String(verifier.Salt)},i={verifier.Iterations}"));
    }

    /// <summary>
    /// Reads <c>client-final-message = "c=" base64 ",r=" nonce ["," extensions] ",p=" base64</c>. True with our server-final-message when it proves that the client knows the password; it has logged in once it has that.
    /// </summary>
    public bool TryFinal(ReadOnlySpan<byte> message, out byte[] final)
    {
        final = [];
        int proofAt = message.LastIndexOf(",p="u8);
        if (_verifier is not { } verifier || proofAt < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> withoutProof = message[..proofAt];
        byte[] channel = plus ? [.. _header, .. binding] : _header;
        byte[] expected = Encoding.ASCII.GetBytes($"c={Convert.ToBase64String(channel)},r={_nonce}");
        bool isOurs = withoutProof.StartsWith(expected) && (withoutProof.Length == expected.Length || withoutProof[expected.Length] == ',');
        Span<byte> proof = stackalloc byte[SHA256.HashSizeInBytes + 4];
        ReadOnlySpan<byte> proofText = message[(proofAt + 3)..];
        if (!isOurs || proofText.Length != 44 || Base64.DecodeFromUtf8(proofText, proof, out _, out int length) != OperationStatus.Done || length != SHA256.HashSizeInBytes)
        {
            return false;
        }

        byte[] all = [.. _firstBare, (byte)',', .. _first, (byte)',', .. withoutProof];
        Span<byte> clientKey = stackalloc byte[SHA256.HashSizeInBytes];
        HMACSHA256.HashData(verifier.StoredKey, all, clientKey);
        for (int i = 0; i < clientKey.Length; i++)
        {
            clientKey[i] ^= proof[i];
        }

        Span<byte> storedKey = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(clientKey, storedKey);
        CryptographicOperations.ZeroMemory(clientKey);
        if (!CryptographicOperations.FixedTimeEquals(storedKey, verifier.StoredKey) || _isRefused)
        {
            return false;
        }

        final = Encoding.ASCII.GetBytes("v=" + Convert.ToBase64String(HMACSHA256.HashData(verifier.ServerKey, all)));
        return true;
    }

    /// <summary>gs2-cbind-flag.</summary>
    private static bool IsFlag(ReadOnlySpan<byte> flag) => flag.SequenceEqual("n"u8) || flag.SequenceEqual("y"u8) || (flag.StartsWith("p="u8) && flag.Length > 2);
}
