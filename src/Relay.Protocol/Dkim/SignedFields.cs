using System.Text;
using Relay.Protocol.Message;

namespace Relay.Protocol.Dkim;

/// <summary>
/// Which header fields are signed (RFC 6376 §5.4.1): those that a reader sees or that steer how the message is shown, and not those that are changed on the way. Where a second one would deceive, the name is
/// signed once more than it is there, so that none can be added (§8.15); From always.
/// </summary>
internal static class SignedFields
{
    /// <summary>In the order in which h= names them, with whether none may be added.</summary>
    private static readonly (byte[] Name, bool Closed)[] List =
    [
        .. new (string Name, bool Closed)[]
        {
            ("From", true), ("Sender", false), ("Reply-To", true), ("To", true), ("Cc", true), ("Subject", true), ("Date", true), ("Message-ID", false), ("In-Reply-To", false), ("References", false),
            ("MIME-Version", false), ("Content-Type", true), ("Content-Transfer-Encoding", true), ("Content-Disposition", false), ("Content-Language", false), ("Resent-From", false), ("Resent-Sender", false),
            ("Resent-To", false), ("Resent-Cc", false), ("Resent-Date", false), ("Resent-Message-ID", false), ("List-Id", false), ("List-Help", false), ("List-Unsubscribe", false), ("List-Unsubscribe-Post", false),
            ("List-Subscribe", false), ("List-Post", false), ("List-Owner", false), ("List-Archive", false), ("Feedback-ID", false), ("Auto-Submitted", false),
        }.Select(static f => (Encoding.ASCII.GetBytes(f.Name), f.Closed)),
    ];

    /// <summary>
    /// Hashes the fields, those of one name from the last to the first (§5.4.2), and names them, one call of <paramref name="text"/>.Name for each time that h= names it.
    /// </summary>
    public static void Sign(HeaderSection header, HashStream hash, DkimCanonicalization form, ref DkimFieldText text)
    {
        // No honest message has more of one name; what is above them is not signed, and a verifier looks from the bottom too.
        const int MostOfOneName = 8;
        Span<byte> kinds = stackalloc byte[HeaderSection.MaximumFields];
        for (int i = 0; i < header.Count; i++)
        {
            kinds[i] = KindOf(header.Name(header[i]));
        }

        kinds = kinds[..header.Count];
        for (int kind = 0; kind < List.Length; kind++)
        {
            int found = 0;
            for (int i = kinds.LastIndexOf((byte)(kind + 1)); i >= 0 && found < MostOfOneName; i = kinds[..i].LastIndexOf((byte)(kind + 1)), found++)
            {
                DkimHeaderForm.Append(hash, form, header.Raw(header[i]));
                text.Name(List[kind].Name);
            }

            if (List[kind].Closed && (found > 0 || kind == 0) && found < MostOfOneName)
            {
                text.Name(List[kind].Name);
            }
        }
    }

    /// <summary>Its place in the list, from 1; 0 for what isn't signed.</summary>
    private static byte KindOf(ReadOnlySpan<byte> name)
    {
        for (int kind = 0; kind < List.Length; kind++)
        {
            if (List[kind].Name.Length == name.Length && Ascii.EqualsIgnoreCase(List[kind].Name, name))
            {
                return (byte)(kind + 1);
            }
        }

        return 0;
    }
}
