using Relay.Tls;

namespace Relay.Daemon.Configuration;

/// <summary>The files of a certificate in the making: of [tls], of [delivery] or of a [[certificate]].</summary>
internal sealed class CertificateDraft
{
    public CertificateDraft()
    {
    }

    public CertificateDraft(CertificateOptions? options)
    {
        Path = options?.CertificatePath;
        KeyPath = options?.KeyPath;
        Password = options?.Password;
        Names = options?.Names ?? [];
    }

    public string? Path { get; set; }

    public string? KeyPath { get; set; }

    public string? Password { get; set; }

    public IReadOnlyList<string> Names { get; set; } = [];

    /// <summary>Null without a certificate.</summary>
    public CertificateOptions? Build() => Path is null ? null : new CertificateOptions(Path, KeyPath) { Password = Password, Names = [.. Names.Select(DkimDraft.ToAscii)] };
}
