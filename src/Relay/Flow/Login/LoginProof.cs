namespace Relay.Flow.Login;

/// <summary>What a response would prove.</summary>
/// <param name="User">Whom the client says to be; empty when only the source can tell.</param>
/// <param name="Secret">By what it proves it, where that is always the same; empty where it is not. Part of the response.</param>
internal readonly record struct LoginProof(byte[] User, ReadOnlyMemory<byte> Secret);
