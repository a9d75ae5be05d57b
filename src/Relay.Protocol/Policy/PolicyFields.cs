using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Relay.Protocol.Policy;

/// <summary>
/// The form that the TXT records of MTA-STS (RFC 8461 §3.1) and TLS reporting (RFC 8460 §3) share: a version, then fields of a name, "=" and a value, between semicolons that may have blanks around them, the last of which
/// may be missing. Pure; any thread.
/// </summary>
internal static class PolicyFields
{
    private const int MaximumNameLength = 32;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.");
    private static readonly SearchValues<char> AlphaNumeric = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

    /// <summary>A record of this version and nothing else, as one that speaks of something else is none of ours. Case counts in the version.</summary>
    public static bool HasVersion(ReadOnlySpan<char> record, string version) =>
        record.StartsWith(version, StringComparison.Ordinal) && (record.Length == version.Length || record[version.Length..].TrimStart(" \t") is [] or [';', ..]);

    /// <summary>The one record of this version among a name's TXT records; null where there is none, or more than one, which says nothing (RFC 8461 §3.1, RFC 8460 §3).</summary>
    public static string? Only(IReadOnlyList<string> records, string version)
    {
        string? only = null;
        foreach (string record in records)
        {
            if (HasVersion(record, version))
            {
                if (only is not null)
                {
                    return null;
                }

                only = record;
            }
        }

        return only;
    }

    /// <summary>The fields behind the version, in their order; false where the record breaks the rules. Values are not looked at, but that none is empty.</summary>
    public static bool TryRead(ReadOnlySpan<char> record, string version, [NotNullWhen(true)] out List<KeyValuePair<string, string>>? fields)
    {
        fields = null;
        if (!HasVersion(record, version))
        {
            return false;
        }

        ReadOnlySpan<char> rest = record[version.Length..].Trim(" \t");
        if (rest is not [';', .. var body])
        {
            return false;
        }

        if (body is [.. var inner, ';'])
        {
            body = inner;
        }

        var found = new List<KeyValuePair<string, string>>();
        foreach (Range part in body.Split(';'))
        {
            ReadOnlySpan<char> field = body[part].Trim(" \t");
            int equals = field.IndexOf('=');
            if (equals < 0 || !IsName(field[..equals]) || equals == field.Length - 1)
            {
                return false;
            }

            found.Add(new(field[..equals].ToString(), field[(equals + 1)..].ToString()));
        }

        fields = found;
        return true;
    }

    /// <summary>A value of a field that nobody knows yet: printable ASCII without blanks, "=" and ";".</summary>
    public static bool IsExtensionValue(ReadOnlySpan<char> value) => !value.ContainsAnyExceptInRange('!', '~') && !value.ContainsAny('=', ';');

    public static bool IsAlphaNumeric(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(AlphaNumeric);

    /// <summary>A letter or digit, then up to 31 more, "_", "-" or ".".</summary>
    public static bool IsName(ReadOnlySpan<char> name) => name.Length is > 0 and <= MaximumNameLength && IsAlphaNumeric(name[..1]) && !name.ContainsAnyExcept(NameCharacters);
}
