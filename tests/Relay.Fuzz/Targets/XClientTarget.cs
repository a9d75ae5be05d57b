using System.Globalization;
using System.Text.RegularExpressions;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>The attributes of XCLIENT: which lines are taken, and what they say of ports, protocol and login.</summary>
internal sealed class XClientTarget : IFuzzTarget
{
    private static readonly string[] Keys = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];

    public static string Name => "xclient";

    public static IReadOnlyList<string> Tokens =>
        ["NAME=", "ADDR=", "PORT=", "PROTO=", "HELO=", "LOGIN=", "DESTADDR=", "DESTPORT=", " ", "[UNAVAILABLE]", "[TEMPUNAVAIL]", "192.0.2.1", "IPV6:2001:db8::1", "::1", "25", "65536", "ESMTP", "SMTP", "+20", "+0A", "client.example", "="];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string text = Octets.Text(input);
        Dictionary<string, string?>? oracle = Read(text);
        bool taken = XClientAttributes.TryParse(input, out XClientAttributes attributes);
        Check.Equal(oracle is not null, taken, "attributes");
        if (oracle is null)
        {
            return text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
        }

        for (int i = 0; i < Keys.Length; i++)
        {
            Check.Equal(oracle.ContainsKey(Keys[i]), ((int)attributes.Given & (1 << i)) != 0, Keys[i]);
        }

        Check.Equal(oracle.GetValueOrDefault("PORT") is { } port ? int.Parse(port, CultureInfo.InvariantCulture) : null, attributes.Port, "PORT");
        Check.Equal(oracle.GetValueOrDefault("DESTPORT") is { } there ? int.Parse(there, CultureInfo.InvariantCulture) : null, attributes.DestinationPort, "DESTPORT");
        Check.Equal(oracle.GetValueOrDefault("PROTO")?.Equals("ESMTP", StringComparison.OrdinalIgnoreCase), attributes.IsExtended, "PROTO");
        Check.Equal(oracle.GetValueOrDefault("LOGIN") is { } login ? System.Text.Encoding.UTF8.GetString(Octets.Of(login)) : null, attributes.Login, "LOGIN");
        Check.Equal(oracle.GetValueOrDefault("ADDR") is not null, attributes.Address is not null, "ADDR");
        Check.Equal(oracle.GetValueOrDefault("DESTADDR") is not null, attributes.DestinationAddress is not null, "DESTADDR");
        return HashCode.Combine((int)attributes.Given, attributes.Name is null, attributes.Hello is null);
    }

    /// <summary>Key and decoded value, null where it is unavailable; null as a whole when the line isn't to be taken.</summary>
    private static Dictionary<string, string?>? Read(string text)
    {
        var read = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (string attribute in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            Match match = Regex.Match(attribute, @"\A(?<key>[A-Za-z]+)=(?<value>[!-<>-~]+)\z");
            string key = match.Groups["key"].Value.ToUpperInvariant();
            string given = match.Groups["value"].Value;
            bool unavailable = Regex.IsMatch(given, @"\A\[(?:UNAVAILABLE|TEMPUNAVAIL)\]\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
            string? value = unavailable ? null : SlowXText.Decode(given);
            if (!match.Success || !Keys.Contains(key) || (!unavailable && (value is null || value.Length > 255 || !IsGood(key, value))) || !read.TryAdd(key, value))
            {
                return null;
            }
        }

        return read.Count > 0 ? read : null;
    }

    private static bool IsGood(string key, string value) => key switch
    {
        "PORT" or "DESTPORT" => Regex.IsMatch(value, @"\A(?:0|[1-9][0-9]{0,4})\z") && int.Parse(value, CultureInfo.InvariantCulture) <= 65535,
        "PROTO" => value.ToUpperInvariant() is "SMTP" or "ESMTP",
        "LOGIN" => value.All(static c => c is >= ' ' and not '\x7F') && SlowXText.IsUtf8(value),
        "ADDR" or "DESTADDR" => value.StartsWith("IPV6:", StringComparison.OrdinalIgnoreCase) ? SlowProxy.IsIPv6(value[5..]) : Grammar.IsLiteral($"[{value}]") && !value.Contains(':', StringComparison.Ordinal),
        _ => true,
    };
}
