using Relay.Protocol.Sasl;

namespace Relay.Flow.Policy;

/// <summary>A user who may log in, and what for. Immutable; any thread.</summary>
public sealed class Account(string name, ScramVerifier verifier, IReadOnlyList<SenderPattern> senders)
{
    /// <summary>Compared octet for octet (RFC 8265 §3.4, UsernameCasePreserved).</summary>
    public string Name { get; } = name;

    public ScramVerifier Verifier { get; } = verifier;

    /// <summary>The addresses from which the user may send; none when it is empty.</summary>
    public IReadOnlyList<SenderPattern> Senders { get; } = senders;

    /// <summary>
    /// The certificates that log the user in by EXTERNAL: <c>sha256:</c> and the fingerprint, in lower-case hexadecimal; or, of a certificate that an authority vouches for, a name that stands in it: <c>mail:</c> and the
    /// rfc822Name, <c>dns:</c> and the dNSName in lower case.
    /// </summary>
    public IReadOnlyList<string> Certificates { get; init; } = [];

    /// <summary>False: no password logs the user in, and <see cref="Verifier"/> is one that none matches.</summary>
    public bool HasPassword { get; init; } = true;

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
