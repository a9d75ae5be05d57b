namespace Relay.Spool;

/// <summary>A body can't be read back whole: what is on the disk is damaged or unreadable. The message must not be sent on.</summary>
internal sealed class SpoolReadException(string message) : IOException(message);
