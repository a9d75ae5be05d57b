using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Flow.Policy;

/// <summary>
/// Who may log in (RFC 4954). A user who doesn't exist is answered like one who does: with a salt and a number of iterations that are made up from the name, the same each time. Immutable, a reload is a new one; any thread.
/// </summary>
public sealed class Accounts
{
    private readonly FrozenDictionary<string, Account> _byName;
    private readonly int[] _iterations;
    private readonly byte[] _decoys;

    /// <summary><paramref name="decoys"/> is the secret from which what isn't there is made up; while it stays, answers for those users do too. Names are different, and each has a verifier.</summary>
    public Accounts(IReadOnlyList<Account> accounts, byte[] decoys)
    {
        _byName = accounts.ToFrozenDictionary(static a => a.Name, StringComparer.Ordinal);
        _iterations = accounts.Count == 0 ? [ScramVerifier.DefaultIterations] : [.. accounts.Select(static a => a.Verifier!.Iterations)];
        _decoys = decoys;
    }

    /// <summary>Null: there is no such user.</summary>
    public Account? Find(ReadOnlySpan<byte> name) => PreparedText.IsValid(name) ? Find(Encoding.UTF8.GetString(name)) : null;

    /// <summary>As above.</summary>
    public Account? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>What the password is held against; of a user who doesn't exist, something that no password matches. Takes as long for both.</summary>
    internal ScramVerifier VerifierOf(ReadOnlySpan<byte> name)
    {
        byte[] decoy = HMACSHA256.HashData(_decoys, name);
        var madeUp = new ScramVerifier(decoy[..16], _iterations[decoy[16] % _iterations.Length], HMACSHA256.HashData(_decoys, decoy), RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));
        return Find(name)?.Verifier ?? madeUp;
    }
}
