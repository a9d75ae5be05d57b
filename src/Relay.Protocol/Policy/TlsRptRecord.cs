using System.Diagnostics.CodeAnalysis;

namespace Relay.Protocol.Policy;

/// <summary>The TXT record that says where a domain wants reports about TLS (RFC 8460 §3). Pure; any thread.</summary>
public static class TlsRptRecord
{
    private const string Version = "v=TLSRPTv1";
    private const int MaximumPlaces = 20;

    /// <summary>The places in the domain's TXT records, of which exactly one may be of this kind; otherwise the domain wants no reports.</summary>
    public static bool TryFind(IReadOnlyList<string> records, [NotNullWhen(true)] out IReadOnlyList<Uri>? places)
    {
        places = null;
        return PolicyFields.Only(records, Version) is { } only && TryParse(only, out places);
    }

    /// <summary>The places to send reports to, mailto: or https:; others are left out. False for what isn't such a record by the letter.</summary>
    public static bool TryParse(string record, [NotNullWhen(true)] out IReadOnlyList<Uri>? places)
    {
        places = null;
        if (!PolicyFields.TryRead(record, Version, out List<KeyValuePair<string, string>>? fields))
        {
            return false;
        }

        var found = new List<Uri>();
        foreach ((string name, string value) in fields)
        {
            if (name != "rua")
            {
                if (!PolicyFields.IsExtensionValue(value))
                {
                    return false;
                }

                continue;
            }

            foreach (string part in value.Split(',', StringSplitOptions.TrimEntries))
            {
                if (!IsUri(part, out Uri? place) || found.Count == MaximumPlaces)
                {
                    return false;
                }

                if (place.Scheme == Uri.UriSchemeMailto || place.Scheme == Uri.UriSchemeHttps)
                {
                    found.Add(place);
                }
            }
        }

        places = found;
        return found.Count > 0;
    }

    private static bool IsUri(string text, [NotNullWhen(true)] out Uri? place)
    {
        place = null;
        return !text.AsSpan().ContainsAnyExceptInRange('!', '~') && Uri.IsWellFormedUriString(text, UriKind.Absolute) && Uri.TryCreate(text, UriKind.Absolute, out place);
    }
}
