using System.IO.Pipelines;

namespace Relay.Concurrency;

/// <summary>What a pipe's one reader may ask beyond reading.</summary>
internal static class PipeReading
{
    /// <summary>Whether bytes wait unread. Takes none of them.</summary>
    public static bool HasBuffered(this PipeReader input)
    {
        if (!input.TryRead(out ReadResult read))
        {
            return false;
        }

        bool any = !read.Buffer.IsEmpty;
        input.AdvanceTo(read.Buffer.Start);
        return any;
    }
}
