namespace Relay.Protocol.Smtp;

/// <summary>
/// Punycode (RFC 3492), the form of a label's code points behind "xn--". Our own, because the library's maps look-alikes of the dot to dots and works on strings.
/// For labels only: whatever doesn't fit the caller's span is refused. Stateless; any thread.
/// </summary>
internal static class Punycode
{
    // RFC 3492 §5.
    private const int Base = 36;
    private const int TMin = 1;
    private const int TMax = 26;
    private const int Skew = 38;
    private const int Damp = 700;
    private const int InitialBias = 72;
    private const int InitialN = 0x80;

    /// <summary>Writes lower-case digits; ASCII code points go through as they are. False when there is no room.</summary>
    public static bool TryEncode(ReadOnlySpan<int> codePoints, Span<byte> output, out int length)
    {
        length = 0;
        foreach (int c in codePoints)
        {
            if (c < InitialN && !TryPut(output, ref length, (byte)c))
            {
                return false;
            }
        }

        int basic = length;
        int handled = basic;
        if (basic > 0 && !TryPut(output, ref length, (byte)'-'))
        {
            return false;
        }

        int n = InitialN;
        int bias = InitialBias;
        int delta = 0;
        while (handled < codePoints.Length)
        {
            int next = int.MaxValue;
            foreach (int c in codePoints)
            {
                next = c >= n && c < next ? c : next;
            }

            // A label has at most 63 code points below 0x110000: no overflow.
            delta += (next - n) * (handled + 1);
            n = next;
            foreach (int c in codePoints)
            {
                if (c < n)
                {
                    delta++;
                }
                else if (c == n)
                {
                    if (!TryPutNumber(output, ref length, delta, bias))
                    {
                        return false;
                    }

                    bias = Adapt(delta, handled + 1, first: handled == basic);
                    delta = 0;
                    handled++;
                }
            }

            delta++;
            n++;
        }

        return true;
    }

    /// <summary>Reads what <see cref="TryEncode"/> writes, in either case of its digits. False for what isn't that, or doesn't fit.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<int> codePoints, out int length)
    {
        length = 0;
        int delimiter = text.LastIndexOf((byte)'-');
        if (delimiter > codePoints.Length)
        {
            return false;
        }

        for (; length < delimiter; length++)
        {
            codePoints[length] = text[length];
        }

        text = text[(delimiter + 1)..];
        int n = InitialN;
        int i = 0;
        int bias = InitialBias;
        while (!text.IsEmpty)
        {
            int before = i;
            if (length == codePoints.Length || !TryTakeNumber(ref text, ref i, bias))
            {
                return false;
            }

            bias = Adapt(i - before, length + 1, first: before == 0);
            n += i / (length + 1);
            i %= length + 1;
            if (n > 0x10FFFF)
            {
                return false;
            }

            codePoints[i..length].CopyTo(codePoints[(i + 1)..]);
            codePoints[i++] = n;
            length++;
        }

        return true;
    }

    /// <summary>A generalized variable-length integer, RFC 3492 §3.3.</summary>
    private static bool TryPutNumber(Span<byte> output, ref int length, int number, int bias)
    {
        for (int k = Base; ; k += Base)
        {
            int threshold = Math.Clamp(k - bias, TMin, TMax);
            if (number < threshold)
            {
                return TryPut(output, ref length, Digit(number));
            }

            if (!TryPut(output, ref length, Digit(threshold + (number - threshold) % (Base - threshold))))
            {
                return false;
            }

            number = (number - threshold) / (Base - threshold);
        }
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<byte> text, ref int number, int bias)
    {
        long value = number;
        long weight = 1;
        for (int k = Base; !text.IsEmpty; k += Base)
        {
            int digit = Value(text[0]);
            text = text[1..];
            value += digit * weight;
            // A code point above 0x10FFFF is refused in the end, and there are at most 63 places for it: far below this.
            if (digit < 0 || value > int.MaxValue)
            {
                return false;
            }

            int threshold = Math.Clamp(k - bias, TMin, TMax);
            if (digit < threshold)
            {
                number = (int)value;
                return true;
            }

            weight *= Base - threshold;
            if (weight > 1L << 40)
            {
                return false;
            }
        }

        return false;
    }

    private static int Adapt(int delta, int count, bool first)
    {
        delta = first ? delta / Damp : delta / 2;
        delta += delta / count;
        int k = 0;
        for (; delta > (Base - TMin) * TMax / 2; k += Base)
        {
            delta /= Base - TMin;
        }

        return k + (Base - TMin + 1) * delta / (delta + Skew);
    }

    private static byte Digit(int value) => (byte)(value < 26 ? 'a' + value : '0' + value - 26);

    private static int Value(byte digit) => digit switch
    {
        >= (byte)'a' and <= (byte)'z' => digit - 'a',
        >= (byte)'A' and <= (byte)'Z' => digit - 'A',
        >= (byte)'0' and <= (byte)'9' => digit - '0' + 26,
        _ => -1,
    };

    private static bool TryPut(Span<byte> output, ref int length, byte octet)
    {
        if (length == output.Length)
        {
            return false;
        }

        output[length++] = octet;
        return true;
    }
}
