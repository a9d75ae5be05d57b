namespace Relay.Tests.Dns;

/// <summary>One query that a <see cref="StubServer"/> got. <see cref="Number"/> counts from 1.</summary>
internal sealed record StubQuery(byte[] Bytes, bool OverTcp, int Number)
{
    public string Name => StubReply.NameOf(Bytes);
}
