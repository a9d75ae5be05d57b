namespace SmtpBlaster.Net;

/// <summary>What an <see cref="EventLoop"/> watches a file descriptor for. All calls come on the loop's thread.</summary>
internal abstract class LoopMember
{
    internal int Slot { get; set; } = -1;

    /// <summary>The descriptor has something to read or to be written, or has failed.</summary>
    public abstract void OnEvents(uint events);

    /// <summary>Comes four times a second: the place for deadlines.</summary>
    public virtual void OnSweep(long now)
    {
    }
}
