namespace Relay.Daemon.Configuration;

/// <summary>How a client's certificate is written: its fingerprint, or a name that stands in it.</summary>
internal static class CertificateText
{
    public const string FingerprintPrefix = "sha256:";

    private const int DigestDigits = 64;

    /// <summary>"sha256:" and 64 hexadecimal digits, with colons between them or not. Null, or what is wrong.</summary>
    public static string? ParseFingerprint(string text, out string value)
    {
        value = text.StartsWith(FingerprintPrefix, StringComparison.Ordinal) ? text[FingerprintPrefix.Length..].Replace(":", "", StringComparison.Ordinal).ToLowerInvariant() : "";
        return value.Length == DigestDigits && value.All(char.IsAsciiHexDigit) ? null
            : $"\"{text}\" is not a fingerprint: write \"sha256:\" and the {DigestDigits} digits that `openssl x509 -noout -fingerprint -sha256` prints";
    }

    /// <summary>A fingerprint, "mail:" and an address, or "dns:" and a host. Null, or what is wrong.</summary>
    public static string? Parse(string text, out string value)
    {
        value = text;
        if (text.StartsWith("mail:", StringComparison.Ordinal))
        {
            return DomainText.ParseMailbox(text[5..], out _);
        }

        if (text.StartsWith("dns:", StringComparison.Ordinal))
        {
            string? error = DomainText.Parse(text[4..], false, out string host);
            value = "dns:" + host;
            return error;
        }

        if (!text.StartsWith(FingerprintPrefix, StringComparison.Ordinal))
        {
            return $"\"{text}\" is not a certificate: write \"sha256:…\", or a name in a certificate that client_ca vouches for: \"mail:user@domain\" or \"dns:host\"";
        }

        string? wrong = ParseFingerprint(text, out string digits);
        value = FingerprintPrefix + digits;
        return wrong;
    }
}
