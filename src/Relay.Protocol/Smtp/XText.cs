using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// The encoding of parameter values, xtext (RFC 3461 §4): printable ASCII stands for itself, but "+" and "=" and anything else are "+" and two hexadecimal digits in upper case.
/// Stateless; any thread.
/// </summary>
public static class XText
{
    // xchar = %d33-42 / %d44-60 / %d62-126
    private static readonly SearchValues<byte> Plain = SearchValues.Create(
        "!\"#$%&'()*,-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"u8);

    private static ReadOnlySpan<byte> Digits => "0123456789ABCDEF"u8;

    /// <summary>Whether <paramref name="text"/> is xtext, whatever it stands for. Empty text is.</summary>
    public static bool IsValid(ReadOnlySpan<byte> text)
    {
        while (true)
        {
            int other = text.IndexOfAnyExcept(Plain);
            if (other < 0)
            {
                return true;
            }

            if (!TryOctet(text[other..], out _))
            {
                return false;
            }

            text = text[(other + 3)..];
        }
    }

    /// <summary>
    /// Writes the octets that <paramref name="text"/> stands for. False when it isn't xtext or <paramref name="into"/> has no room for them: there are never more than octets of text.
    /// They may be any: line ends and NUL are the caller's to refuse.
    /// </summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> into, out int length)
    {
        length = 0;
        while (!text.IsEmpty)
        {
            int run = text.IndexOfAnyExcept(Plain);
            run = run < 0 ? text.Length : run;
            if (!text[..run].TryCopyTo(into[length..]))
            {
                return false;
            }

            length += run;
            text = text[run..];
            if (text.IsEmpty)
            {
                return true;
            }

            if (!TryOctet(text, out byte octet) || length == into.Length)
            {
                return false;
            }

            into[length++] = octet;
            text = text[3..];
        }

        return true;
    }

    /// <summary>Writes <paramref name="octets"/> as xtext.</summary>
    public static void Encode(ReadOnlySpan<byte> octets, IBufferWriter<byte> output)
    {
        Span<byte> encoded = stackalloc byte[3];
        encoded[0] = (byte)'+';
        while (!octets.IsEmpty)
        {
            int run = octets.IndexOfAnyExcept(Plain);
            output.Write(run < 0 ? octets : octets[..run]);
            if (run < 0)
            {
                return;
            }

            encoded[1] = Digits[octets[run] >> 4];
            encoded[2] = Digits[octets[run] & 15];
            output.Write(encoded);
            octets = octets[(run + 1)..];
        }
    }

    /// <summary><c>hexchar = "+" 2(DIGIT / "A" / "B" / "C" / "D" / "E" / "F")</c>: no lower case.</summary>
    private static bool TryOctet(ReadOnlySpan<byte> text, out byte octet)
    {
        int high = text.Length < 3 || text[0] != '+' ? -1 : Digits.IndexOf(text[1]);
        int low = high < 0 ? -1 : Digits.IndexOf(text[2]);
        octet = (byte)(high << 4 | low);
        return low >= 0;
    }
}
