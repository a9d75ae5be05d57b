namespace Relay.Flow.Accept;

/// <summary>Who may log in (RFC 4954). Any thread. Neither name nor password is kept or logged; both are overwritten when the task is done.</summary>
internal interface ICredentials
{
    /// <summary>Whether the password is the user's. Takes as long for a user that doesn't exist, and doesn't throw for what a client sent.</summary>
    ValueTask<bool> VerifyAsync(ReadOnlyMemory<byte> user, ReadOnlyMemory<byte> password, CancellationToken cancel);
}
