namespace Relay.Flow;

/// <summary>What a <see cref="ClientKey"/> is.</summary>
internal enum ClientKeyKind : byte
{
    None,
    Address,
    Network,

    /// <summary>Who is being logged in as, whether or not there is such a user.</summary>
    User,

    /// <summary>A user and where he has logged in from.</summary>
    UserPlace,
}
