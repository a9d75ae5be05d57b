using SmtpBlaster.Net;

namespace SmtpBlaster.Sink;

/// <summary>Takes connections from a listening socket, as long as the process has file descriptors for them.</summary>
internal sealed class SinkListener(SinkWorker worker, int socket) : LoopMember
{
    // When there are none left: until some are free again. Connections wait in the kernel meanwhile.
    private const long BackOff = Clock.Second / 20;

    private const int AtOnce = 64;

    // With several loops, one is woken for a connection.
    private readonly uint _interest = Linux.Readable | (worker.Options.Threads > 1 ? Linux.Exclusive : 0);

    /// <summary>Below 0: the kernel refused, for the reason in <see cref="Linux.Error"/>.</summary>
    public int Listen() => worker.Loop.Add(this, socket, _interest);

    public override void OnEvents(uint events)
    {
        Span<byte> peer = stackalloc byte[28];
        for (int i = 0; i < AtOnce; i++)
        {
            int length = 0;
            int accepted = worker.HasRoom ? Linux.Accept(socket, peer, out length) : -1;
            if (accepted < 0)
            {
                if (!worker.HasRoom || Linux.Error is Linux.TooManyFiles or Linux.TooManyFilesInSystem)
                {
                    PutOff();
                }

                return;
            }

            worker.Accept(accepted, peer[..Math.Min(length, peer.Length)]);
        }
    }

    private void PutOff()
    {
        worker.Counters.OutOfFiles++;
        worker.Loop.Ignore(socket);
        worker.Loop.At(Clock.Now + BackOff, _ => worker.Loop.Watch(this, socket, _interest));
    }
}
