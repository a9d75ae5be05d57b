using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Internationalized domain names (RFC 5890 to 5892): the U-label that people read and the A-label ("xn--…") that the DNS knows are the same label. Letters are compared without case;
/// nothing else is mapped: look-alikes of ASCII, of the dot above all, are refused and not read as what they look like. There is no normalization in this process (it runs without the
/// Unicode tables for it): a name that isn't in NFC is another name, which the DNS won't have. Symbols are taken, because there are registered names with them.
/// Allocates nothing; any thread.
/// </summary>
public static class Idna
{
    private static ReadOnlySpan<byte> Ace => "xn--"u8;

    /// <summary>
    /// Writes <paramref name="domain"/> with its U-labels as A-labels and in lower case: at most <see cref="Domain.MaximumLength"/> octets, an address literal too.
    /// False for a label that can't be one, for ill-formed UTF-8, and when there is no room. An ASCII domain is only brought to lower case.
    /// </summary>
    public static bool TryToAscii(ReadOnlySpan<byte> domain, Span<byte> ascii, out int length)
    {
        ascii = ascii[..Math.Min(ascii.Length, Domain.MaximumLength)];
        length = 0;
        if (Ascii.IsValid(domain))
        {
            return domain.Length <= ascii.Length && Ascii.ToLower(domain, ascii, out length) == OperationStatus.Done;
        }

        while (true)
        {
            int dot = domain.IndexOf((byte)'.');
            if (!TryLabel(dot < 0 ? domain : domain[..dot], ascii[length..], out int written))
            {
                return false;
            }

            length += written;
            if (dot < 0)
            {
                return true;
            }

            if (length == ascii.Length)
            {
                return false;
            }

            ascii[length++] = (byte)'.';
            domain = domain[(dot + 1)..];
        }
    }

    /// <summary>Whether two domains are one in the DNS: without regard to case, and an A-label is its U-label. What is no domain is the same only as itself.</summary>
    public static bool SameDomain(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (Ascii.IsValid(a) && Ascii.IsValid(b))
        {
            return Ascii.EqualsIgnoreCase(a, b);
        }

        Span<byte> left = stackalloc byte[Domain.MaximumLength];
        Span<byte> right = stackalloc byte[Domain.MaximumLength];
        return a.SequenceEqual(b) ||
            (TryToAscii(a, left, out int leftLength) && TryToAscii(b, right, out int rightLength) && left[..leftLength].SequenceEqual(right[..rightLength]));
    }

    /// <summary>Whether a label with octets above 127 is a U-label (RFC 5891 §5.4) whose A-label fits a domain name.</summary>
    internal static bool IsULabel(ReadOnlySpan<byte> label)
    {
        Span<byte> ascii = stackalloc byte[Domain.MaximumLabelLength];
        return TryLabel(label, ascii, out _);
    }

    /// <summary>An ASCII label begins like an A-label: is it one? It must be just what encoding its U-label gives.</summary>
    [SkipLocalsInit]
    internal static bool IsALabelOrOrdinary(ReadOnlySpan<byte> label)
    {
        if (label.Length < Ace.Length || !Ascii.EqualsIgnoreCase(label[..Ace.Length], Ace))
        {
            return true;
        }

        Span<int> codePoints = stackalloc int[Domain.MaximumLabelLength];
        Span<byte> again = stackalloc byte[Domain.MaximumLabelLength];
        label = label[Ace.Length..];
        if (!Punycode.TryDecode(label, codePoints, out int count) || !IsAllowed(codePoints[..count]) ||
            !Punycode.TryEncode(codePoints[..count], again, out int length) || !Ascii.EqualsIgnoreCase(label, again[..length]))
        {
            return false;
        }

        return codePoints[..count].ContainsAnyExceptInRange(0, 127);
    }

    [SkipLocalsInit]
    private static bool TryLabel(ReadOnlySpan<byte> label, Span<byte> ascii, out int length)
    {
        length = 0;
        ascii = ascii[..Math.Min(ascii.Length, Domain.MaximumLabelLength)];
        if (Ascii.IsValid(label))
        {
            return label.Length <= ascii.Length && Ascii.ToLower(label, ascii, out length) == OperationStatus.Done;
        }

        Span<int> codePoints = stackalloc int[Domain.MaximumLabelLength];
        int count = 0;
        while (!label.IsEmpty)
        {
            if (count == codePoints.Length || Rune.DecodeFromUtf8(label, out Rune rune, out int taken) != OperationStatus.Done)
            {
                return false;
            }

            codePoints[count++] = Rune.ToLowerInvariant(rune).Value;
            label = label[taken..];
        }

        if (!IsAllowed(codePoints[..count]) || !Ace.TryCopyTo(ascii) || !Punycode.TryEncode(codePoints[..count], ascii[Ace.Length..], out int encoded))
        {
            return false;
        }

        length = Ace.Length + encoded;
        return true;
    }

    /// <summary>RFC 5891 §4.2.3: hyphens not at the ends nor in third and fourth place, no combining mark in front, and every code point one that labels may hold.</summary>
    private static bool IsAllowed(ReadOnlySpan<int> label)
    {
        if (label.IsEmpty || label[0] == '-' || label[^1] == '-' || (label.Length > 3 && label[2] == '-' && label[3] == '-') || IsMark(label[0]))
        {
            return false;
        }

        foreach (int c in label)
        {
            if (!Rune.IsValid(c) || !IsAllowed(new Rune(c)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsMark(int c) =>
        Rune.IsValid(c) && Rune.GetUnicodeCategory(new Rune(c)) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static bool IsAllowed(Rune rune) => rune.IsAscii
        ? rune.Value is '-' or (>= '0' and <= '9') or (>= 'a' and <= 'z') or (>= 'A' and <= 'Z')
        : rune.Value switch
        {
            // RFC 5892 §2.6 and appendix A: middle dots, numeral signs, geresh, tsheg, joiners.
            0xB7 or 0x375 or 0x5F3 or 0x5F4 or 0xF0B or 0x3007 or 0x30FB or 0x200C or 0x200D => true,
            // Forms of other letters, which compatibility mapping (NFKC) would turn into them: ordinals, modifiers, letter-like and enclosed ones, jamo, presentation forms, full width.
            0xAA or 0xBA or (>= 0x2B0 and <= 0x2B8) or (>= 0x2E0 and <= 0x2E4) or (>= 0x1100 and <= 0x11FF) or (>= 0x1D2C and <= 0x1D6A) or 0x1D78 or (>= 0x1D9B and <= 0x1DBF)
                or (>= 0x2070 and <= 0x209F) or (>= 0x2100 and <= 0x218F) or (>= 0x2460 and <= 0x24FF) or (>= 0x2C7C and <= 0x2C7D) or (>= 0x3131 and <= 0x318F) or (>= 0x3190 and <= 0x319F)
                or (>= 0x3200 and <= 0x33FF) or (>= 0xA69C and <= 0xA69D) or 0xA770 or (>= 0xA7F2 and <= 0xA7F9) or (>= 0xAB5C and <= 0xAB5F) or (>= 0xF900 and <= 0xFDFF)
                or (>= 0xFE70 and <= 0xFFFF) or (>= 0x1D400 and <= 0x1D7FF) or (>= 0x1EE00 and <= 0x1EEFF) or (>= 0x1F100 and <= 0x1F2FF) or (>= 0x2F800 and <= 0x2FA1F) => false,
            _ => Rune.GetUnicodeCategory(rune) is UnicodeCategory.LowercaseLetter or UnicodeCategory.OtherLetter or UnicodeCategory.ModifierLetter or UnicodeCategory.NonSpacingMark
                or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.OtherSymbol,
        };
}
