using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Flow.Policy;

/// <summary>A user who may log in, and what for. Immutable; any thread.</summary>
/// <param name="name">See <see cref="Name"/>.</param>
/// <param name="senders">See <see cref="Senders"/>.</param>
/// <param name="verifier">Null: somebody else tells whether it is he.</param>
public sealed class Account(string name, ScramVerifier? verifier, IReadOnlyList<SenderPattern> senders)
{
    /// <summary>Compared octet for octet (RFC 8265 §3.4, UsernameCasePreserved).</summary>
    public string Name { get; } = name;

    public ScramVerifier? Verifier { get; } = verifier;

    /// <summary>The addresses from which the user may send; none when it is empty.</summary>
    public IReadOnlyList<SenderPattern> Senders { get; } = senders;

    public UserLimits Limits { get; init; } = UserLimits.None;

    /// <summary>The name of the tenant whose mail the user's is; null: as the client's network says.</summary>
    public string? Tenant
    {
        get;
        init
        {
            field = value;
            TenantName = value is null ? null : Encoding.UTF8.GetBytes(value);
        }
    }

    /// <summary>The same as octets.</summary>
    internal byte[]? TenantName { get; private init; }

    /// <summary>This account with another password.</summary>
    public Account With(ScramVerifier password) => new(Name, password, Senders) { Limits = Limits, Tenant = Tenant, Certificates = Certificates };

    /// <summary>This account, with these limits where it has none of its own.</summary>
    public Account Under(UserLimits defaults) => new(Name, Verifier, Senders) { Limits = Limits.Or(defaults), Tenant = Tenant, Certificates = Certificates };

    /// <summary>What proves it to be the user is the same with both: the password, and for who has none the certificates.</summary>
    internal bool IsProvedAs(Account other) => Verifier is { } verifier ? other.Verifier is { } its && its.StoredKey.SequenceEqual(verifier.StoredKey) : other.Verifier is null && Certificates.SequenceEqual(other.Certificates);

    /// <summary>
    /// The certificates that log the user in by EXTERNAL: <c>sha256:</c> and the fingerprint, in lower-case hexadecimal; or, of a certificate that an authority vouches for, a name that stands in it: <c>mail:</c> and the
    /// rfc822Name, <c>dns:</c> and the dNSName in lower case.
    /// </summary>
    public IReadOnlyList<string> Certificates { get; init; } = [];

    /// <summary>Whether the user may send as this mailbox, in the envelope or in From. The null reverse-path is the caller's to judge.</summary>
    internal bool MaySendAs(ReadOnlySpan<byte> mailbox)
    {
        int at = mailbox.LastIndexOf((byte)'@');
        // By index: an enumerator of the interface would be an object.
        for (int i = 0; at > 0 && i < Senders.Count; i++)
        {
            if (Senders[i].Matches(mailbox[..at], mailbox[(at + 1)..]))
            {
                return true;
            }
        }

        return false;
    }
}
