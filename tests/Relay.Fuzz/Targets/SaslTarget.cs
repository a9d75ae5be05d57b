using System.Text.RegularExpressions;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Sasl;

namespace Relay.Fuzz.Targets;

/// <summary>What a client sends to log in, in one message: PLAIN, OAUTHBEARER and XOAUTH2, beside regular expressions of their grammars.</summary>
internal sealed class SaslTarget : IFuzzTarget
{
    private const string Token = @"[Bb][Ee][Aa][Rr][Ee][Rr] +(?<token>[A-Za-z0-9\-._~+/]+=*)";

    public static string Name => "sasl";

    public static IReadOnlyList<string> Tokens =>
        ["\0", "\u0001", "\u0001\u0001", "n,,", "y,,", "n,a=", ",", "=2C", "=3D", "=2c", "user=", "auth=", "Bearer ", "bearer  ", "auth=Bearer a.b.c\u0001", "host=x\u0001", "port=587\u0001", "p=tls-unique,,", "a.b.c", "==", "\u00C3\u00BC", "\u0007"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string text = Octets.Text(input);
        string[] parts = text.Split('\0');
        bool plain = PlainMessage.TryRead(input, out Range user, out Range password);
        Check.Equal(parts.Length == 3, plain, "PLAIN");
        if (plain)
        {
            Check.Equal(parts[0].Length == 0 || parts[0] == parts[1] ? parts[1] : "", Octets.Text(input[user]), "the user of PLAIN");
            Check.Equal(parts[2], Octets.Text(input[password]), "the password of PLAIN");
        }

        Match match = Regex.Match(text, $@"\A[ny],(?:a=(?<user>(?:[^,=\x00\x01]|=2C|=3D)+))?,\x01(?<pair>[A-Za-z]+=[\t\r\n\x20-\x7e]*\x01)*\x01\z");
        Bearer(input, isXoauth2: false, match, match.Groups["user"].Value.Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal));
        match = Regex.Match(text, @"\Auser=(?<user>[^\x01]+)\x01(?<pair>auth=[\t\r\n\x20-\x7e]*\x01)\x01\z");
        Bearer(input, isXoauth2: true, match, match.Groups["user"].Value);
        return HashCode.Combine(plain, match.Success, match.Groups["pair"].Captures.Count);
    }

    private static void Bearer(ReadOnlySpan<byte> input, bool isXoauth2, Match match, string user)
    {
        Capture[] auth = [.. match.Groups["pair"].Captures.Where(static p => p.Value.StartsWith("auth=", StringComparison.Ordinal))];
        Match token = auth.Length == 1 ? Regex.Match(auth[0].Value, $@"\Aauth={Token}\x01\z") : Match.Empty;
        bool isUser = user.Length == 0 ? !isXoauth2 : PreparedText.IsValid(Octets.Of(user)) && SlowXText.IsUtf8(user);
        bool expected = match.Success && token.Success && isUser;
        bool read = BearerMessage.TryRead(input, isXoauth2, out BearerMessage message);
        Check.Equal(expected, read, isXoauth2 ? "XOAUTH2" : "OAUTHBEARER");
        if (read)
        {
            Check.Equal(token.Groups["token"].Value, Octets.Text(input[message.Token]), "the token");
            Check.Equal(user, Octets.Text(System.Text.Encoding.UTF8.GetBytes(message.User)), "the user");
        }
    }
}
