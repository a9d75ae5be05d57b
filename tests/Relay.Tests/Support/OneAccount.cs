using Relay.Flow.Accept;

namespace Relay.Tests.Support;

/// <summary>One user there is: "user", whose password is "secret".</summary>
internal sealed class OneAccount : ICredentials
{
    public int Asked { get; private set; }

    public ValueTask<bool> VerifyAsync(ReadOnlyMemory<byte> user, ReadOnlyMemory<byte> password, CancellationToken cancel)
    {
        Asked++;
        return ValueTask.FromResult(user.Span.SequenceEqual("user"u8) && password.Span.SequenceEqual("secret"u8));
    }
}
