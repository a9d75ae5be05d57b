using SmtpBlaster.Net;

namespace SmtpBlaster.Sink;

/// <summary>Takes connections from a listening socket.</summary>
internal sealed class SinkListener(SinkWorker worker, int socket) : LoopMember
{
    // When the process has no descriptors left: until some are free again.
    private const long BackOff = Clock.Second / 20;

    private const int AtOnce = 64;

    public override void OnEvents(uint events)
    {
        Span<byte> peer = stackalloc byte[28];
        for (int i = 0; i < AtOnce; i++)
        {
            int accepted = Linux.Accept(socket, peer, out int length);
            if (accepted >= 0)
            {
                worker.Accept(accepted, peer[..Math.Min(length, peer.Length)]);
                continue;
            }

            if (Linux.Error is Linux.TooManyFiles or Linux.TooManyFilesInSystem)
            {
                worker.Counters.OutOfFiles++;
                worker.Loop.Modify(this, socket, 0);
                worker.Loop.At(Clock.Now + BackOff, _ => worker.Loop.Modify(this, socket, Linux.Readable));
            }

            return;
        }
    }
}
