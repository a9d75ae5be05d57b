using System.Globalization;
using System.Text.RegularExpressions;
using Relay.Protocol.Sasl;

namespace Relay.Fuzz.Targets;

/// <summary>Lines of Dovecot's authentication protocol: the fields, and what they say of an exchange.</summary>
internal sealed class DovecotTarget : IFuzzTarget
{
    public static string Name => "dovecot";

    public static IReadOnlyList<string> Tokens =>
        ["\t", "OK\t", "CONT\t", "FAIL\t", "1", "4294967295", "4294967296", "user=", "temp", "code=temp_fail", "\u0001", "\u00011", "\u0001t", "\u0001n", "\u0001r", "\u00010", "dGVzdA==", "=", "\n", "MECH\tPLAIN", "VERSION\t1\t2"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        string[] expected = [.. Octets.Text(input).Split('\t').Select(Unescape).Select(static f => System.Text.Encoding.UTF8.GetString(Octets.Of(f)))];
        IReadOnlyList<string> fields = DovecotLine.Fields(input);
        Check.Equal(string.Join('|', expected), string.Join('|', fields), "the fields");
        bool taken = DovecotLine.TryReply(fields, out DovecotReply reply);
        bool isAnswer = fields[0] is "OK" or "CONT" or "FAIL" && fields.Count > 1 && Regex.IsMatch(fields[1], @"\A[0-9]+\z")
            && System.Numerics.BigInteger.Parse(fields[1], CultureInfo.InvariantCulture) <= uint.MaxValue;
        string challenge = fields[0] == "CONT" && fields.Count > 2 ? fields[2] : "";
        isAnswer &= challenge.Length % 4 == 0 && Regex.IsMatch(challenge, @"\A[A-Za-z0-9+/=]*\z");
        Check.Equal(isAnswer, taken, "an answer");
        if (taken)
        {
            Check.Equal(challenge, reply.Challenge, "the challenge");
            Check.Equal(fields[0] != "CONT" ? fields.Skip(2).FirstOrDefault(static f => f.StartsWith("user=", StringComparison.Ordinal))?[5..] : null, reply.User, "the user");
            Check.Equal(fields[0] == "FAIL" && (fields.Skip(2).Contains("temp") || fields.Skip(2).Contains("code=temp_fail")), reply.IsTemporary, "temporary");
        }

        return HashCode.Combine(Math.Min(fields.Count, 8), taken, reply.Verdict, reply.IsTemporary);
    }

    /// <summary>An escape at the very end of the line is itself; within, a tab ends the field even behind one.</summary>
    private static string Unescape(string field) => Regex.Replace(field, "\u0001(.)", static m => m.Groups[1].Value switch { "0" => "\0", "1" => "\u0001", "t" => "\t", "n" => "\n", "r" => "\r", var other => other }, RegexOptions.Singleline);
}
