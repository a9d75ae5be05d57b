using System.Security.Cryptography.X509Certificates;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>How a <see cref="ScriptedServer"/> behaves. Replies are without CRLF; null means the usual one. The functions are called on the sessions' own threads.</summary>
internal sealed record ServerScript
{
    public Func<string, string?> OnRecipient { get; init; } = _ => null;

    public Func<ArrivedMessage, string?> OnMessage { get; init; } = _ => null;

    /// <summary>Whether messages and commands are kept. In a long run they would fill the memory: <see cref="OnMessage"/> sees them all the same.</summary>
    public bool KeepRecords { get; init; } = true;

    /// <summary>With one, STARTTLS is offered.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Offer BDAT (RFC 3030).</summary>
    public bool Chunking { get; init; }

    /// <summary>Offer internationalized addresses (RFC 6531).</summary>
    public bool SmtpUtf8 { get; init; }

    /// <summary>More lines of the reply to EHLO, before TLS and inside it.</summary>
    public IReadOnlyList<string> Keywords { get; init; } = [];

    /// <summary>Takes what came in clear behind STARTTLS for commands inside TLS (CVE-2011-0411).</summary>
    public bool KeepsClearText { get; init; }
}
