namespace Relay.Spool;

/// <summary>What a verification came to.</summary>
/// <param name="Segments">Segments that were read.</param>
/// <param name="Records">Records that are whole.</param>
/// <param name="Messages">Messages with recipients to deliver to.</param>
/// <param name="Unfinished">Records of batches that never ended: an interruption leaves them, nobody was told that they were stored.</param>
/// <param name="Problems">What is wrong and was told.</param>
public readonly record struct SpoolVerdict(long Segments, long Records, long Messages, long Unfinished, long Problems);
