using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>MailKit as somebody who logs in and sends one message.</summary>
internal static class MailKitClient
{
    /// <summary>The reply to the message. Throws AuthenticationException when the log-in is refused, SmtpCommandException for other refusals.</summary>
    public static async Task<string> SendAsync(int port, SaslMechanism login, string subject, string from = "alice@from.test")
    {
        using SmtpClient client = await ConnectAsync(port);
        await client.AuthenticateAsync(login, TestContext.Current.CancellationToken);
        var message = new MimeMessage { Subject = subject, Body = new TextPart("plain") { Text = "x\r\n" } };
        message.From.Add(new MailboxAddress("Alice", from));
        message.To.Add(new MailboxAddress(null, "user@to.test"));
        string reply = await client.SendAsync(message, TestContext.Current.CancellationToken);
        await client.DisconnectAsync(quit: true, TestContext.Current.CancellationToken);
        return reply;
    }

    /// <summary>Connected, with TLS from the first octet.</summary>
    public static async Task<SmtpClient> ConnectAsync(int port)
    {
        var client = new SmtpClient { ServerCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null };
        await client.ConnectAsync("127.0.0.1", port, SecureSocketOptions.SslOnConnect, TestContext.Current.CancellationToken);
        return client;
    }
}
