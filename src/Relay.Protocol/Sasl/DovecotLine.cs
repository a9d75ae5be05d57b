using System.Globalization;
using System.Text;

namespace Relay.Protocol.Sasl;

/// <summary>A line of Dovecot's authentication protocol for clients (version 1): fields between tabs, in which the octet 1 escapes what can't stand there.</summary>
public static class DovecotLine
{
    private const byte Escape = 1;

    /// <summary>The longest line that a Dovecot takes of us; at a longer one it would close the connection.</summary>
    public const int MaximumLength = 8192;

    /// <summary>The fields, unescaped. There is one at least.</summary>
    public static IReadOnlyList<string> Fields(ReadOnlySpan<byte> line)
    {
        var fields = new List<string>();
        byte[] field = new byte[line.Length];
        int length = 0;
        for (int i = 0; i < line.Length; i++)
        {
            byte octet = line[i];
            if (octet == '\t')
            {
                fields.Add(Encoding.UTF8.GetString(field, 0, length));
                length = 0;
            }
            else if (octet == Escape && i + 1 < line.Length && line[i + 1] != '\t')
            {
                i++;
                field[length++] = line[i] switch { (byte)'0' => 0, (byte)'1' => Escape, (byte)'t' => (byte)'\t', (byte)'n' => (byte)'\n', (byte)'r' => (byte)'\r', var other => other };
            }
            else
            {
                field[length++] = octet;
            }
        }

        fields.Add(Encoding.UTF8.GetString(field, 0, length));
        return fields;
    }

    /// <summary>Reads OK, CONT or FAIL; false for every other line.</summary>
    public static bool TryReply(IReadOnlyList<string> fields, out DovecotReply reply)
    {
        reply = default;
        DovecotVerdict? verdict = fields[0] switch { "OK" => DovecotVerdict.Ok, "CONT" => DovecotVerdict.Continue, "FAIL" => DovecotVerdict.Fail, _ => null };
        if (verdict is null || fields.Count < 2 || !fields[1].All(char.IsAsciiDigit) || !uint.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint id))
        {
            return false;
        }

        if (verdict == DovecotVerdict.Continue)
        {
            string challenge = fields.Count > 2 ? fields[2] : "";
            reply = new DovecotReply(id, verdict.Value, challenge, null, false);
            return challenge.Length % 4 == 0 && challenge.All(static c => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '=');
        }

        string? user = fields.Skip(2).FirstOrDefault(static f => f.StartsWith("user=", StringComparison.Ordinal))?["user=".Length..];
        bool temporary = verdict == DovecotVerdict.Fail && fields.Skip(2).Any(static f => f is "temp" or "code=temp_fail");
        reply = new DovecotReply(id, verdict.Value, "", user, temporary);
        return true;
    }
}
