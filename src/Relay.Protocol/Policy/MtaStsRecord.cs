using System.Diagnostics.CodeAnalysis;

namespace Relay.Protocol.Policy;

/// <summary>The TXT record by which a domain says that it has an MTA-STS policy, and when that has changed (RFC 8461 §3.1). Pure; any thread.</summary>
public static class MtaStsRecord
{
    private const string Version = "v=STSv1";
    private const int MaximumIdLength = 32;

    /// <summary>The policy's id in the domain's TXT records, of which exactly one may be of this kind; otherwise the domain has no policy.</summary>
    public static bool TryFind(IReadOnlyList<string> records, [NotNullWhen(true)] out string? id)
    {
        id = null;
        return PolicyFields.Only(records, Version) is { } only && TryParse(only, out id);
    }

    /// <summary>False for what isn't a record of MTA-STS by the letter.</summary>
    public static bool TryParse(string record, [NotNullWhen(true)] out string? id)
    {
        id = null;
        if (!PolicyFields.TryRead(record, Version, out List<KeyValuePair<string, string>>? fields))
        {
            return false;
        }

        foreach ((string name, string value) in fields)
        {
            if (name == "id" ? value.Length > MaximumIdLength || !PolicyFields.IsAlphaNumeric(value) : !PolicyFields.IsExtensionValue(value))
            {
                id = null;
                return false;
            }

            id ??= name == "id" ? value : null;
        }

        return id is not null;
    }
}
