using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace SmtpBlaster.Net;

/// <summary>
/// One thread that waits for many sockets (epoll), for points in time, and for what other threads post. Everything but <see cref="Post"/> and <see cref="Stop"/> belongs to that thread, or to the one that builds the
/// loop before it starts. A fault in a member ends the loop, and the task of <see cref="Start"/> has it.
/// </summary>
internal sealed unsafe class EventLoop : IDisposable
{
    /// <summary>As much as the kernel gives at once; shared by all connections of the loop, so that it stays in the cache.</summary>
    public const int BufferSize = 256 * 1024;

    private const int Batch = 256;
    private const long SweepInterval = Clock.Second / 4;

    // No slot has this number.
    private const ulong WakeData = ulong.MaxValue;

    private readonly int _epoll;
    private readonly int _wake;
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(Batch * Linux.EventSize));
    private readonly Stack<int> _free = new();
    private readonly PriorityQueue<Action<long>, long> _timers = new();
    private readonly ConcurrentQueue<Action> _posted = new();
    private LoopMember?[] _members = new LoopMember?[64];
    private uint[] _generations = new uint[64];
    private int _used;
    private Thread? _thread;
    private volatile bool _stopping;

    public EventLoop()
    {
        _epoll = Linux.CreateEpoll();
        _wake = Linux.CreateWake();
        if (_epoll < 0 || _wake < 0 || Linux.Control(_epoll, Linux.Add, _wake, Linux.Readable, WakeData) < 0)
        {
            throw new IOException($"epoll: {Linux.ErrorText(Linux.Error)}");
        }
    }

    /// <summary>Where members receive into. Nothing stays in it between two calls of a member.</summary>
    public byte[] Buffer { get; } = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);

    /// <summary>Where members put together what they send, under the same rule.</summary>
    public byte[] Scratch { get; } = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);

    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Runs the loop on a thread of its own until <see cref="Stop"/>.</summary>
    public Task Start(string name)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _thread = new Thread(() =>
        {
            try
            {
                Run();
                ended.SetResult();
            }
#pragma warning disable CA1031 // Handed to whoever waits for the loop.
            catch (Exception e)
#pragma warning restore CA1031
            {
                ended.SetException(e);
            }
        })
        { IsBackground = true, Name = name };
        _thread.Start();
        return ended.Task;
    }

    public void Stop()
    {
        _stopping = true;
        Linux.Wake(_wake);
    }

    /// <summary>Has something done on the loop's thread. Any thread.</summary>
    public void Post(Action what)
    {
        _posted.Enqueue(what);
        Linux.Wake(_wake);
    }

    /// <summary>Calls back at a time, with the time it is then. There is no taking it back: what is called looks whether it is still wanted.</summary>
    public void At(long time, Action<long> what) => _timers.Enqueue(what, time);

    /// <summary>Below 0: the kernel refused, for the reason in <see cref="Linux.Error"/>.</summary>
    public int Add(LoopMember member, int file, uint events)
    {
        int slot = _free.Count > 0 ? _free.Pop() : _used++;
        if (slot == _members.Length)
        {
            Array.Resize(ref _members, slot * 2);
            Array.Resize(ref _generations, slot * 2);
        }

        _members[slot] = member;
        member.Slot = slot;
        int result = Linux.Control(_epoll, Linux.Add, file, events, Data(slot));
        if (result < 0)
        {
            Forget(member);
        }

        return result;
    }

    public void Modify(LoopMember member, int file, uint events) => _ = Linux.Control(_epoll, Linux.Modify, file, events, Data(member.Slot));

    /// <summary>Nothing is told of a member's descriptor until <see cref="Watch"/>. Unlike <see cref="Modify"/>, it works for <see cref="Linux.Exclusive"/> too.</summary>
    public void Ignore(int file) => _ = Linux.Control(_epoll, Linux.Delete, file, 0, 0);

    public void Watch(LoopMember member, int file, uint events) => _ = Linux.Control(_epoll, Linux.Add, file, events, Data(member.Slot));

    /// <summary>The member's descriptor is closed, which took it out of epoll; events of this batch that still name it go nowhere.</summary>
    public void Forget(LoopMember member)
    {
        if (member.Slot >= 0)
        {
            _members[member.Slot] = null;
            _generations[member.Slot]++;
            _free.Push(member.Slot);
            member.Slot = -1;
        }
    }

    public void Dispose()
    {
        _ = Linux.Close(_epoll);
        _ = Linux.Close(_wake);
        NativeMemory.Free(_events);
    }

    private ulong Data(int slot) => ((ulong)_generations[slot] << 32) | (uint)slot;

    private void Run()
    {
        long sweep = Clock.Now + SweepInterval;
        while (!_stopping)
        {
            long now = Clock.Now;
            while (_timers.TryPeek(out _, out long due) && due <= now)
            {
                _timers.Dequeue()(now);
            }

            if (now >= sweep)
            {
                sweep = now + SweepInterval;
                Sweep(now);
            }

            long until = _timers.TryPeek(out _, out long next) && next < sweep ? next : sweep;
            Wait(Math.Max(0, until - Clock.Now));
        }
    }

    private void Wait(long nanoseconds)
    {
        int count = Linux.Wait(_epoll, _events, Batch, nanoseconds);
        if (count < 0 && Linux.Error != Linux.InterruptedCall)
        {
            throw new IOException($"epoll_pwait2: {Linux.ErrorText(Linux.Error)}");
        }

        for (int i = 0; i < count; i++)
        {
            (uint events, ulong data) = Linux.Event(_events, i);
            if (data == WakeData)
            {
                Linux.TakeWake(_wake);
                while (_posted.TryDequeue(out Action? what))
                {
                    what();
                }
            }
            else if (_generations[(int)(uint)data] == (uint)(data >> 32))
            {
                _members[(int)(uint)data]?.OnEvents(events);
            }
        }
    }

    private void Sweep(long now)
    {
        for (int i = 0; i < _used; i++)
        {
            _members[i]?.OnSweep(now);
        }
    }
}
