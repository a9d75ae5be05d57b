using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using Relay.Protocol.Sasl;
using Relay.Tls;

namespace Relay.Flow.Policy;

/// <summary>
/// Who may log in (RFC 4954). A user who doesn't exist is answered like one who does: with a salt and a number of iterations that are made up from the name, the same each time. Immutable, a reload is a new one; any thread.
/// </summary>
public sealed class Accounts
{
    private readonly FrozenDictionary<string, Account> _byName;
    private readonly FrozenDictionary<string, Account> _byCertificate;
    private readonly int[] _iterations;
    private readonly byte[] _decoys;

    /// <summary><paramref name="decoys"/> is the secret from which what isn't there is made up; while it stays, answers for those users do too. Names are different, and so are certificates.</summary>
    public Accounts(IReadOnlyList<Account> accounts, byte[] decoys)
    {
        _byName = accounts.ToFrozenDictionary(static a => a.Name, StringComparer.Ordinal);
        _byCertificate = accounts.SelectMany(static a => a.Certificates, static (a, c) => KeyValuePair.Create(c, a)).DistinctBy(static p => p.Key, StringComparer.Ordinal).ToFrozenDictionary(StringComparer.Ordinal);
        int[] iterations = [.. accounts.Select(static a => a.Verifier).OfType<ScramVerifier>().Select(static v => v.Iterations)];
        _iterations = iterations.Length == 0 ? [ScramVerifier.DefaultIterations] : iterations;
        _decoys = decoys;
    }

    /// <summary>Null: there is no such user.</summary>
    public Account? Find(ReadOnlySpan<byte> name) => PreparedText.IsValid(name) ? Find(Encoding.UTF8.GetString(name)) : null;

    /// <summary>As above.</summary>
    public Account? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>
    /// The user that a certificate is for: by what stands with the user, or, when an authority vouches for the certificate, as the user whose name is a mailbox in it. Of several the first, or the one called
    /// <paramref name="actsAs"/> when that isn't empty. Null: there is none.
    /// </summary>
    public Account? Find(ClientCertificate certificate, ReadOnlySpan<byte> actsAs)
    {
        IEnumerable<string> words = certificate.IsVerified ? [.. certificate.Mailboxes.Select(static m => "mail:" + m), .. certificate.Hosts.Select(static h => "dns:" + h)] : [];
        IEnumerable<Account?> users = words.Prepend("sha256:" + certificate.Fingerprint).Select(w => _byCertificate.GetValueOrDefault(w));
        string wanted = Encoding.UTF8.GetString(actsAs);
        return users.Concat(certificate.IsVerified ? certificate.Mailboxes.Select(Find) : []).FirstOrDefault(a => a is not null && (wanted.Length == 0 || a.Name == wanted));
    }

    /// <summary>What the password is held against; of a user who doesn't exist, something that no password matches. Takes as long for both.</summary>
    internal ScramVerifier VerifierOf(ReadOnlySpan<byte> name)
    {
        byte[] decoy = HMACSHA256.HashData(_decoys, name);
        var madeUp = new ScramVerifier(decoy[..16], _iterations[decoy[16] % _iterations.Length], HMACSHA256.HashData(_decoys, decoy), RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));
        return Find(name)?.Verifier ?? madeUp;
    }
}
