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
    public Account With(ScramVerifier password) => new(Name, password, Senders) { Limits = Limits, Tenant = Tenant };

    /// <summary>This account, with these limits where it has none of its own.</summary>
    public Account Under(UserLimits defaults) => new(Name, Verifier, Senders) { Limits = Limits.Or(defaults), Tenant = Tenant };

    /// <summary>Neither has had its password changed as against the other.</summary>
    internal bool HasPasswordOf(Account other) => Verifier is null ? other.Verifier is null : other.Verifier is { } verifier && verifier.StoredKey.SequenceEqual(Verifier.StoredKey);

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
