using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Relay.Dns;

/// <summary>
/// Domain names as this relay writes them: lower case, A-labels, no trailing dot; letters, digits, hyphens, and underscores, which hosts in the wild do have.
/// Anything else that a zone may hold (RFC 2181 §11) is no name of a mail host, and is refused rather than escaped.
/// </summary>
internal static class DnsName
{
    // RFC 1035 §2.3.4: 255 octets on the wire, two of which are the first length and the root.
    private const int MaximumLength = 253;
    private const int MaximumLabelLength = 63;

    private static readonly SearchValues<char> Characters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_.");
    private static readonly IdnMapping Idn = new();

    /// <summary>False for what can't be a name in DNS. Allocates only when <paramref name="name"/> isn't in normal form yet.</summary>
    public static bool TryNormalize(string name, [NotNullWhen(true)] out string? normal)
    {
        normal = name;
        if (IsNormal(name))
        {
            return true;
        }

        // Lowered before it is encoded: without globalization data IdnMapping folds no case itself.
        normal = (name.EndsWith('.') ? name[..^1] : name).ToLowerInvariant();
        if (!System.Text.Ascii.IsValid(normal))
        {
            try
            {
                normal = Idn.GetAscii(normal);
            }
            catch (ArgumentException)
            {
                // RFC 5891 §4: no A-label, no name. IdnMapping has no Try form.
                normal = null;
                return false;
            }
        }

        if (!IsNormal(normal))
        {
            normal = null;
            return false;
        }

        return true;
    }

    /// <summary>A name in normal form that doesn't look like an IPv4 address (RFC 1123 §2.1: the last label isn't a number).</summary>
    public static bool IsHost(ReadOnlySpan<char> name) => IsNormal(name) && name[(name.LastIndexOf('.') + 1)..].ContainsAnyExceptInRange('0', '9');

    private static bool IsNormal(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > MaximumLength || name.ContainsAnyExcept(Characters))
        {
            return false;
        }

        foreach (Range label in name.Split('.'))
        {
            if (name[label].Length is 0 or > MaximumLabelLength)
            {
                return false;
            }
        }

        return true;
    }
}
