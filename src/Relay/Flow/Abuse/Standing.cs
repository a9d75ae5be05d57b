namespace Relay.Flow.Abuse;

/// <summary>How a client is looked upon, by where it comes from.</summary>
internal enum Standing : byte
{
    /// <summary>All measures apply.</summary>
    Stranger,

    /// <summary>This machine, a network that may relay, a proxy: passwords are slow to be tried from there too, and nothing else applies.</summary>
    Trusted,

    /// <summary>On the allow list: nothing applies.</summary>
    Allowed,
}
