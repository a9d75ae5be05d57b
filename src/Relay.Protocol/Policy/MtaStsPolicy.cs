using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Policy;

/// <summary>
/// An MTA-STS policy (RFC 8461 §3.2): which hosts take a domain's mail, and that they prove it by their certificates. Immutable. Two that ask the same of the same hosts are equal, however long they may be kept.
/// </summary>
public sealed class MtaStsPolicy : IEquatable<MtaStsPolicy>
{
    /// <summary>RFC 8461 §3.2: about a year.</summary>
    public static readonly TimeSpan LongestAge = TimeSpan.FromSeconds(31_557_600);

    private const int MaximumAgeDigits = 10;
    private const int MaximumPatterns = 200;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

    private readonly string _patterns;

    private MtaStsPolicy(MtaStsMode mode, TimeSpan maximumAge, string[] hosts)
    {
        Mode = mode;
        MaximumAge = maximumAge;
        Hosts = hosts;
        _patterns = string.Join(' ', hosts);
    }

    public MtaStsMode Mode { get; }

    /// <summary>How long it may be kept.</summary>
    public TimeSpan MaximumAge { get; }

    /// <summary>Names of hosts; "*." in front stands for exactly one label. As they stand in the policy, in its order.</summary>
    public IReadOnlyList<string> Hosts { get; }

    /// <summary>Reads the text of a policy file. False: <paramref name="error"/> says in a few words what is wrong with it.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out MtaStsPolicy? policy, [NotNullWhen(false)] out string? error)
    {
        policy = null;
        string? version = null;
        string? mode = null;
        string? age = null;
        var hosts = new List<string>();
        foreach (Range part in text.Split('\n'))
        {
            // The grammar has no empty lines; files have.
            ReadOnlySpan<char> line = text[part].Trim(" \t\r");
            if (line.IsEmpty)
            {
                continue;
            }

            int colon = line.IndexOf(':');
            string value = colon < 0 ? "" : line[(colon + 1)..].TrimStart(" \t").ToString();
            if (value.Length == 0 || !PolicyFields.IsName(line[..colon]))
            {
                error = "a line is not a name, a colon and a value";
                return false;
            }

            // RFC 8461 §3.2: of fields that stand there twice, the first counts; mx may be repeated.
            switch (line[..colon])
            {
                case "version":
                    version ??= value;
                    break;
                case "mode":
                    mode ??= value;
                    break;
                case "max_age":
                    age ??= value;
                    break;
                case "mx" when !IsPattern(value) || hosts.Count == MaximumPatterns:
                    error = "an mx is no host name";
                    return false;
                case "mx":
                    hosts.Add(value);
                    break;
            }
        }

        MtaStsMode? parsed = mode switch { "none" => MtaStsMode.None, "testing" => MtaStsMode.Testing, "enforce" => MtaStsMode.Enforce, _ => null };
        error = version != "STSv1" ? "its version is not STSv1"
            : parsed is null ? "its mode is not enforce, testing or none"
            : age is null || age.Length > MaximumAgeDigits || !long.TryParse(age, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds) || seconds > LongestAge.TotalSeconds ? "its max_age is not a number up to 31557600"
            : hosts.Count == 0 && parsed != MtaStsMode.None ? "it names no mx"
            : null;
        if (error is not null)
        {
            return false;
        }

        policy = new MtaStsPolicy(parsed!.Value, TimeSpan.FromSeconds(long.Parse(age!, CultureInfo.InvariantCulture)), [.. hosts]);
        return true;
    }

    /// <summary>Whether the policy names this host.</summary>
    public bool Allows(string host)
    {
        foreach (string pattern in Hosts)
        {
            if (Matches(pattern, host))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>RFC 8461 §4.1: as names in certificates are compared; the star stands for the whole leftmost label.</summary>
    public static bool Matches(string pattern, string host)
    {
        bool isWild = pattern.StartsWith("*.", StringComparison.Ordinal);
        if (!TryNormalize(isWild ? pattern[2..] : pattern, out string? name) || !TryNormalize(host, out string? own))
        {
            return false;
        }

        int dot = own.IndexOf('.', StringComparison.Ordinal);
        return isWild ? dot > 0 && own.AsSpan(dot + 1).SequenceEqual(name) : own == name;
    }

    public bool Equals(MtaStsPolicy? other) => other is not null && Mode == other.Mode && _patterns == other._patterns;

    public override bool Equals(object? obj) => Equals(obj as MtaStsPolicy);

    public override int GetHashCode() => HashCode.Combine(Mode, _patterns);

    /// <summary>The policy as its file would have it, without what nobody here knows.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("version: STSv1\n").Append(CultureInfo.InvariantCulture, $"mode: {Mode.ToString().ToLowerInvariant()}\n");
        foreach (string host in Hosts)
        {
            text.Append(CultureInfo.InvariantCulture, $"mx: {host}\n");
        }

        return text.Append(CultureInfo.InvariantCulture, $"max_age: {MaximumAge.TotalSeconds}\n").ToString();
    }

    private static bool IsPattern(ReadOnlySpan<char> pattern)
    {
        ReadOnlySpan<char> name = pattern.StartsWith("*.", StringComparison.Ordinal) ? pattern[2..] : pattern;
        if (name.IsEmpty || name.ContainsAnyExcept(NameCharacters))
        {
            return false;
        }

        foreach (Range label in name.Split('.'))
        {
            if (name[label] is [] or ['-', ..] or [.., '-'])
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryNormalize(string name, [NotNullWhen(true)] out string? normal)
    {
        Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
        normal = Idna.TryToAscii(Encoding.UTF8.GetBytes(name.TrimEnd('.')), ascii, out int length) ? Encoding.ASCII.GetString(ascii[..length]).ToLowerInvariant() : null;
        return normal is not null;
    }
}
