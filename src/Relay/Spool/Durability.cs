namespace Relay.Spool;

/// <summary>What has happened to a message before its 250 is sent.</summary>
public enum Durability
{
    /// <summary>It is on the disk (fdatasync returned 0): a power cut loses nothing that was acknowledged.</summary>
    Sync,

    /// <summary>It was handed to the operating system: a crash of the relay loses nothing, a power cut may.</summary>
    Os,
}
