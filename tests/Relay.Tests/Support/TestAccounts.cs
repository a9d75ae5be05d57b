using Relay.Flow.Policy;
using Relay.Protocol.Sasl;

namespace Relay.Tests.Support;

/// <summary>Accounts whose passwords cost little to look at.</summary>
internal static class TestAccounts
{
    /// <summary>One user there is: "user", whose password is "secret", and who may send from everything at b.example.</summary>
    public static Accounts One { get; } = Of(("user", "secret", ["*@b.example"]));

    public static Accounts Of(params (string Name, string Password, string[] Senders)[] users) => new(
        [.. users.Select(static u => new Account(u.Name, Verifier(u.Password), [.. u.Senders.Select(static s => SenderPattern.Parse(s)!)]))], new byte[32]);

    private static ScramVerifier Verifier(string password) => ScramVerifier.Of(System.Text.Encoding.UTF8.GetBytes(password), new byte[16], 4096);
}
