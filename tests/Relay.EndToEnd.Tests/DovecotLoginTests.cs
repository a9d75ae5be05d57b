using MailKit.Net.Smtp;
using MailKit.Security;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Users whom a real Dovecot knows.</summary>
public sealed class DovecotLoginTests
{
    private const string Address = "127.0.0.17";
    private const string User = "user@" + DovecotInstance.Domain;

    [Fact]
    public async Task Clients_log_in_by_what_Dovecot_has_and_send_as_themselves_only()
    {
        await using DovecotInstance dovecot = await DovecotInstance.StartAsync(Address, "plain login scram-sha-256 cram-md5");
        await using LoginRelay relay = await LoginRelay.StartAsync(null, $"dovecot_auth = \"unix:{dovecot.SaslSocket}\"", "[submission]\nsenders = [\"*@shared.test\"]\n[abuse]\nlogin_delay = \"0s\"");
        await OfferedAsync(relay, "SCRAM-SHA-256");
        using (SmtpClient client = await MailKitClient.ConnectAsync(relay.ImplicitPort))
        {
            Assert.Equal(["LOGIN", "PLAIN", "SCRAM-SHA-256"], client.AuthenticationMechanisms.Order(StringComparer.Ordinal));
        }

        await MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismPlain(User, DovecotInstance.Password), "plain", User);
        await MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismLogin(User, DovecotInstance.Password), "login", User);
        await MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismScramSha256(User, DovecotInstance.Password), "scram", "anybody@shared.test");
        foreach (string subject in new[] { "plain", "login", "scram" })
        {
            await relay.ArrivedAsync(subject);
        }

        SmtpCommandException refused = await Assert.ThrowsAsync<SmtpCommandException>(() => MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismPlain(User, DovecotInstance.Password), "never", "other@" + DovecotInstance.Domain));
        Assert.Equal(SmtpStatusCode.MailboxNameNotAllowed, refused.StatusCode);
        foreach (SaslMechanism wrong in new SaslMechanism[] { new SaslMechanismPlain(User, "wrong"), new SaslMechanismLogin("nobody@dove.test", "wrong"), new SaslMechanismScramSha256(User, "wrong") })
        {
            await Assert.ThrowsAsync<AuthenticationException>(() => MailKitClient.SendAsync(relay.ImplicitPort, wrong, "never", User));
        }

        // As long as a line to Dovecot may be, and longer: neither ends the connection on which all others log in.
        foreach (int length in new[] { 5900, 6200, 9000 })
        {
            await Assert.ThrowsAsync<AuthenticationException>(() => MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismPlain(User, new string('x', length)), "never", User));
        }

        await MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismPlain(User, DovecotInstance.Password), "after all", User);
        Assert.Single(relay.Process.Errors, static l => l.Contains("offers SCRAM-SHA-256 PLAIN LOGIN", StringComparison.Ordinal));
    }

    [Fact]
    public async Task When_Dovecot_is_started_anew_under_way_clients_are_told_to_come_again_and_then_log_in()
    {
        await using DovecotInstance dovecot = await DovecotInstance.StartAsync(Address);
        await using LoginRelay relay = await LoginRelay.StartAsync(null, $"dovecot_auth = \"unix:{dovecot.SaslSocket}\"");
        await OfferedAsync(relay, "SCRAM-SHA-256");
        await MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismPlain(User, DovecotInstance.Password), "before", User);
        using SmtpClient client = await MailKitClient.ConnectAsync(relay.ImplicitPort);
        await dovecot.LeaveAsync();
        AuthenticationException away = await Assert.ThrowsAsync<AuthenticationException>(() => client.AuthenticateAsync(new SaslMechanismPlain(User, DovecotInstance.Password), TestContext.Current.CancellationToken));
        Assert.Contains("nobody can tell now who you are", (away.InnerException ?? away).Message, StringComparison.Ordinal);
        await dovecot.ComeBackAsync();
        // The relay looks for it at growing intervals.
        await Eventually.True(() => relay.Process.Errors.Count(static l => l.Contains("auth-client offers", StringComparison.Ordinal)) == 2, "Dovecot is back");
        await client.AuthenticateAsync(new SaslMechanismPlain(User, DovecotInstance.Password), TestContext.Current.CancellationToken);
        await MailKitClient.SendAsync(relay.ImplicitPort, new SaslMechanismPlain(User, DovecotInstance.Password), "after", User);
        await relay.ArrivedAsync("after");
    }

    private static Task OfferedAsync(LoginRelay relay, string mechanism) =>
        Eventually.True(() => relay.Process.Errors.Any(l => l.Contains("offers " + mechanism, StringComparison.Ordinal)), "Dovecot is found");
}
