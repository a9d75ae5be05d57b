using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A message handed in by MailKit, as a user's program would.</summary>
internal static class Submission
{
    /// <summary>One message to all the recipients; <paramref name="requireTls"/>: in TLS, with REQUIRETLS (RFC 8689).</summary>
    public static async Task SendAsync(RelayProcess relay, string from, IEnumerable<string> to, string text, bool requireTls = false)
    {
        using var message = new MimeMessage([new MailboxAddress("", from)], [.. to.Select(static t => new MailboxAddress("", t))], "a test", new TextPart("plain") { Text = text });
        using var client = new SmtpClient { ServerCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null, RequireTLS = requireTls };
        await client.ConnectAsync("127.0.0.1", relay.Port, requireTls ? SecureSocketOptions.StartTls : SecureSocketOptions.None, TestContext.Current.CancellationToken);
        await client.SendAsync(message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(true, TestContext.Current.CancellationToken);
    }
}
