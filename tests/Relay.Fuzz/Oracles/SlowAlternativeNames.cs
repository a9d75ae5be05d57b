namespace Relay.Fuzz.Oracles;

/// <summary>SubjectAltName (RFC 5280 §4.2.1.6) in DER (X.690 §8, §10), octet by octet.</summary>
internal static class SlowAlternativeNames
{
    private const int MostNames = 100;

    /// <summary>"mail:" and "dns:" names, in order, of the first hundred; null when it is malformed as far as that.</summary>
    public static List<string>? Read(string der)
    {
        if (Element(der, 0) is not { } whole || der[0] != '\x30' || whole.End != der.Length)
        {
            return null;
        }

        var names = new List<string>();
        int at = whole.Content;
        for (int i = 0; at < whole.End && i < MostNames; i++)
        {
            // An element ends within what it stands in.
            if (Element(der[..whole.End], at) is not { } name)
            {
                return null;
            }

            if (der[at] is '\x81' or '\x82')
            {
                string text = der[name.Content..name.End];
                if (text.Any(static c => c > '\x7F'))
                {
                    return null;
                }

                names.Add(der[at] == '\x81' ? "mail:" + text : "dns:" + text.ToLowerInvariant());
            }

            at = name.End;
        }

        return names;
    }

    /// <summary>Where the content of the element begins, and where it ends.</summary>
    private static (int Content, int End)? Element(string der, int at)
    {
        string rest = der[at..];
        int tag = 1;
        if (rest.Length > 0 && (rest[0] & 0x1F) == 0x1F)
        {
            // Numbers from 31 on, in digits of seven bits without leading zeros.
            string digits = new([.. rest.Skip(1).TakeWhile(static c => c >= 0x80)]);
            tag = 1 + digits.Length + 1;
            if (rest.Length < tag || digits.StartsWith('\x80'))
            {
                return null;
            }

            System.Numerics.BigInteger number = digits.Append(rest[tag - 1]).Aggregate(System.Numerics.BigInteger.Zero, static (n, c) => (n * 128) + (c & 0x7F));
            if (number < 31 || number > int.MaxValue)
            {
                return null;
            }
        }

        if (rest.Length < tag + 1)
        {
            return null;
        }

        int first = rest[tag];
        int content = tag + 1;
        long length = first;
        if (first >= 0x80)
        {
            int octets = first - 0x80;
            content += octets;
            // Indefinite, reserved, cut, or longer than it has to be: none of it is DER.
            if (octets is 0 or > 8 || rest.Length < content || rest[tag + 1] == '\0')
            {
                return null;
            }

            length = rest[(tag + 1)..content].Aggregate(0L, static (n, c) => (n << 8) | c);
            if (length < 0x80)
            {
                return null;
            }
        }

        return length <= rest.Length - content && length >= 0 ? (at + content, at + content + (int)length) : null;
    }
}
