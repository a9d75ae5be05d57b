namespace Relay.Protocol.Smtp;

/// <summary>
/// HOLDFOR or HOLDUNTIL of MAIL (RFC 4865 §4): the message is not to be sent before <paramref name="Seconds"/> have passed (then above 0), or before <paramref name="Until"/> (then not
/// the default, in UTC, and maybe in the past). The default value means that there was neither.
/// </summary>
public readonly record struct FutureRelease(long Seconds, DateTimeOffset Until)
{
    private const int MaximumDigits = 9;

    /// <summary><c>future-release-integer = %x31-39 *8DIGIT</c>.</summary>
    internal static bool TryParseFor(ReadOnlySpan<byte> text, out FutureRelease value)
    {
        bool valid = Number.TryParse(text, out long seconds) && text.Length <= MaximumDigits && text[0] != '0';
        value = valid ? new FutureRelease(seconds, default) : default;
        return valid;
    }

    /// <summary>An RFC 3339 date-time (RFC 4865 erratum 2040): <c>2026-11-25T08:00:00Z</c>, with a fraction of the second and an offset from UTC if it likes.</summary>
    internal static bool TryParseUntil(ReadOnlySpan<byte> text, out FutureRelease value)
    {
        bool valid = InternetDate.TryParse(text, out DateTimeOffset until) && until != default;
        value = valid ? new FutureRelease(0, until) : default;
        return valid;
    }
}
