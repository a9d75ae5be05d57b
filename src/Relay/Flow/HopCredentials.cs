namespace Relay.Flow;

/// <summary>How we log in at a next hop (RFC 4954). Equal by value; never shows the password as text.</summary>
public sealed record HopCredentials(string User, string Password)
{
    public override string ToString() => User;
}
