using System.Text;
using Relay.Dkim;
using Relay.Protocol.Dkim;
using Relay.Protocol.Smtp;

namespace Relay.Daemon.Configuration;

/// <summary>A [[dkim]] in the making.</summary>
internal sealed class DkimDraft
{
    public DkimDraft()
    {
    }

    public DkimDraft(DkimKeyOptions options)
    {
        Domain = options.Domain;
        Selector = options.Selector;
        KeyPath = options.KeyPath;
        From = options.From;
        HeaderForm = options.HeaderForm;
        BodyForm = options.BodyForm;
    }

    public string? Domain { get; set; }

    public string? Selector { get; set; }

    public string? KeyPath { get; set; }

    public IReadOnlyList<string> From { get; set; } = [];

    public DkimCanonicalization HeaderForm { get; set; } = DkimCanonicalization.Relaxed;

    public DkimCanonicalization BodyForm { get; set; } = DkimCanonicalization.Relaxed;

    public DkimKeyOptions Build() => new() { Domain = ToAscii(Domain!), Selector = Selector!, KeyPath = KeyPath!, From = [.. From.Select(ToAscii)], HeaderForm = HeaderForm, BodyForm = BodyForm };

    /// <summary>DNS and signatures know domains in this form only; a pattern keeps its star.</summary>
    internal static string ToAscii(string domain)
    {
        string star = domain == "*" ? "*" : domain.StartsWith("*.", StringComparison.Ordinal) ? "*." : "";
        Span<byte> ascii = stackalloc byte[Protocol.Smtp.Domain.MaximumLength];
        return Idna.TryToAscii(Encoding.UTF8.GetBytes(domain[star.Length..]), ascii, out int length) ? star + Encoding.ASCII.GetString(ascii[..length]) : domain;
    }
}
