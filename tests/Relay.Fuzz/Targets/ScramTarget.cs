using System.Text;
using System.Text.RegularExpressions;
using Relay.Protocol.Sasl;

namespace Relay.Fuzz.Targets;

/// <summary>
/// SCRAM as its server: the input's first line is client-first-message, the second one client-final-message. The first is beside a regular expression of its grammar; by the second nobody gets in who doesn't know the password,
/// and the real client's, with the input's bytes about it, only as it is.
/// </summary>
internal sealed class ScramTarget : IFuzzTarget
{
    private static readonly ScramVerifier Verifier = ScramVerifier.Of("secret"u8, new byte[16], 4096);

    public static string Name => "scram";

    public static IReadOnlyList<string> Tokens =>
        ["n,,", "y,,", "p=tls-server-end-point,,", "p=tls-unique,,", "n,a=user,", "n=user,", "n=", "r=abc", ",r=", ",p=", ",m=x", ",x=y", "c=biws", "c=eSws", "=2C", "=3D", "=", "\n", "n,,n=user,r=abc\nc=biws,r=abc", "v=", "\0"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string text = Octets.Text(input);
        string[] lines = text.Split('\n', 2);
        var server = new ScramServer(plus: false, []);
        bool taken = server.TryFirst(Octets.Of(lines[0]));
        const string SaslName = @"(?:[^,=\x00]|=2C|=3D)+";
        Match match = Regex.Match(lines[0], $@"\A(?:n|y|p=[^,]+),(?:a=(?:{SaslName})?)?,n=(?<user>{SaslName}),r=(?<nonce>[!-+\x2d-~]+)(?:,.*)?\z", RegexOptions.Singleline);
        // The server may be stricter than the grammar, never wider.
        Check.True(!taken || match.Success, "a first message was taken that is none");
        if (!taken)
        {
            return match.Success ? 1 : 0;
        }

        Check.Equal(match.Groups["user"].Value.Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal), Octets.Text(server.User), "the user");
        string first = Encoding.ASCII.GetString(server.First(Verifier, "SERVER"));
        Check.True(first.StartsWith($"r={match.Groups["nonce"].Value}SERVER,s=", StringComparison.Ordinal), "the nonce isn't the client's and ours");
        bool isIn = server.TryFinal(Octets.Of(lines.Length > 1 ? lines[1] : ""), out _);
        Check.True(!isIn, "somebody got in without the password");
        return 2 + lines[0].Length % 8;
    }
}
