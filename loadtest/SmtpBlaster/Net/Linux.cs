using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace SmtpBlaster.Net;

/// <summary>
/// The system calls of the event loop: non-blocking sockets and epoll, as the kernel has them. .NET's own sockets wake a thread for each operation, which costs more than the operation. Each gives the kernel's
/// result; below 0 the reason is <see cref="Error"/>. Linux with glibc or musl, 64 bit.
/// </summary>
internal static unsafe partial class Linux
{
    public const int InterruptedCall = 4;
    public const int WouldBlock = 11;
    public const int TooManyFilesInSystem = 23;
    public const int TooManyFiles = 24;
    public const int BrokenPipe = 32;
    public const int AddressInUse = 98;
    public const int ConnectionAborted = 103;
    public const int ConnectionReset = 104;
    public const int TimedOut = 110;
    public const int InProgress = 115;

    public const uint Readable = 0x1;
    public const uint Writable = 0x4;
    public const uint Exclusive = 1u << 28;

    public const int Add = 1;
    public const int Delete = 2;
    public const int Modify = 3;

    private const int NonBlockingCloseOnExec = 0x80800;
    private const int StreamSocket = 1;
    private const int Tcp = 6;
    private const int NoDelay = 1;
    private const int SocketLevel = 1;
    private const int ReuseAddress = 2;
    private const int Linger = 13;
    private const int InternetLevel = 0;
    private const int BindWithoutPort = 24;
    private const int NoSignal = 0x4000;
    private const int FilesResource = 7;
    private const int SpareFiles = 16;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int EventDataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    /// <summary>The octets of one epoll_event.</summary>
    public static readonly int EventSize = EventDataOffset + sizeof(ulong);

    public static int Error => Marshal.GetLastPInvokeError();

    public static string ErrorText(int error) => Marshal.GetPInvokeErrorMessage(error);

    public static int CreateEpoll() => EpollCreate(0x80000);

    /// <summary>A counter that can be waited for, by which other threads wake a loop.</summary>
    public static int CreateWake() => EventFd(0, NonBlockingCloseOnExec);

    public static int Control(int epoll, int operation, int file, uint events, ulong data)
    {
        byte* one = stackalloc byte[16];
        Unsafe.WriteUnaligned(one, events);
        Unsafe.WriteUnaligned(one + EventDataOffset, data);
        return EpollControl(epoll, operation, file, one);
    }

    /// <summary>Waits at most so many nanoseconds.</summary>
    public static int Wait(int epoll, byte* events, int most, long nanoseconds)
    {
        long* limit = stackalloc long[] { nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 };
        return EpollWait(epoll, events, most, limit, null);
    }

    public static (uint Events, ulong Data) Event(byte* events, int index)
    {
        byte* one = events + (index * EventSize);
        return (Unsafe.ReadUnaligned<uint>(one), Unsafe.ReadUnaligned<ulong>(one + EventDataOffset));
    }

    /// <summary>A non-blocking TCP socket of an address family as the kernel numbers it.</summary>
    public static int OpenSocket(int family) => CreateSocket(family, StreamSocket | NonBlockingCloseOnExec, Tcp);

    public static int Bind(int socket, ReadOnlySpan<byte> address)
    {
        fixed (byte* at = address)
        {
            return BindTo(socket, at, (uint)address.Length);
        }
    }

    public static int Connect(int socket, ReadOnlySpan<byte> address)
    {
        fixed (byte* at = address)
        {
            return ConnectTo(socket, at, (uint)address.Length);
        }
    }

    public static int SetNoDelay(int socket) => SetInteger(socket, Tcp, NoDelay);

    public static int SetReuseAddress(int socket) => SetInteger(socket, SocketLevel, ReuseAddress);

    /// <summary>Leaves the choice of the port to connect: then one address has as many connections as there are ports for each destination, and not in all.</summary>
    public static int SetBindWithoutPort(int socket) => SetInteger(socket, InternetLevel, BindWithoutPort);

    /// <summary>Has the close that follows end the connection with a reset.</summary>
    public static int SetReset(int socket)
    {
        int* off = stackalloc int[] { 1, 0 };
        return SetOption(socket, SocketLevel, Linger, off, 2 * sizeof(int));
    }

    /// <summary>The name of a socket's own end, as sockaddr; its length, or below 0.</summary>
    public static int LocalName(int socket, Span<byte> name)
    {
        uint length = (uint)name.Length;
        fixed (byte* at = name)
        {
            return GetSocketName(socket, at, &length) < 0 ? -1 : (int)length;
        }
    }

    /// <summary>Takes a connection, non-blocking, and its peer's sockaddr.</summary>
    public static int Accept(int listener, Span<byte> peer, out int peerLength)
    {
        uint length = (uint)peer.Length;
        int result;
        fixed (byte* at = peer)
        {
            result = AcceptOne(listener, at, &length, NonBlockingCloseOnExec);
        }

        peerLength = (int)length;
        return result;
    }

    public static nint Receive(int socket, Span<byte> into)
    {
        fixed (byte* at = into)
        {
            return ReceiveInto(socket, at, (nuint)into.Length, 0);
        }
    }

    public static nint Send(int socket, ReadOnlySpan<byte> data)
    {
        fixed (byte* at = data)
        {
            return SendFrom(socket, at, (nuint)data.Length, NoSignal);
        }
    }

    /// <summary>Sends three pieces in one call.</summary>
    public static nint Send(int socket, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        fixed (byte* one = first, two = second, three = third)
        {
            Piece* pieces = stackalloc Piece[] { new(one, (nuint)first.Length), new(two, (nuint)second.Length), new(three, (nuint)third.Length) };
            var message = new SentMessage { Pieces = pieces, Count = 3 };
            return SendMessage(socket, &message, NoSignal);
        }
    }

    /// <summary>File descriptors that are left for connections, by and large: the process has some already, and a few are kept, because the runtime loads code late and can't go on when it finds none.</summary>
    public static long FreeFiles() => Math.Max(0, FilesLimit() - Directory.GetFiles("/proc/self/fd").Length - SpareFiles);

    /// <summary>How many file descriptors this process may have open.</summary>
    public static long FilesLimit()
    {
        ulong* limits = stackalloc ulong[2];
        return GetLimit(FilesResource, limits) < 0 ? long.MaxValue : (long)Math.Min(limits[0], long.MaxValue);
    }

    /// <summary>Wakes the loop that waits for this counter.</summary>
    public static void Wake(int counter)
    {
        ulong one = 1;
        _ = Write(counter, &one, sizeof(ulong));
    }

    public static void TakeWake(int counter)
    {
        ulong count;
        _ = Read(counter, &count, sizeof(ulong));
    }

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    public static partial int Listen(int socket, int backlog);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetLimit(int resource, ulong* limits);

    private static int SetInteger(int socket, int level, int name)
    {
        int on = 1;
        return SetOption(socket, level, name, &on, sizeof(int));
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(int epoll, int operation, int file, byte* one);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    private static partial int EpollWait(int epoll, byte* events, int most, long* limit, void* signals);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint count, int flags);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int CreateSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int BindTo(int socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int ConnectTo(int socket, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int AcceptOne(int socket, byte* address, uint* length, int flags);

    [LibraryImport("libc", EntryPoint = "getsockname", SetLastError = true)]
    private static partial int GetSocketName(int socket, byte* address, uint* length);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(int socket, int level, int name, int* value, uint length);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveInto(int socket, byte* into, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint SendFrom(int socket, byte* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static partial nint SendMessage(int socket, SentMessage* message, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int file, void* into, nuint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int file, void* data, nuint length);

    /// <summary>struct iovec.</summary>
    private readonly struct Piece(byte* at, nuint length)
    {
        public readonly byte* At = at;
        public readonly nuint Length = length;
    }

    /// <summary>struct msghdr.</summary>
    private struct SentMessage
    {
        public void* Name;
        public ulong NameLength;
        public Piece* Pieces;
        public nuint Count;
        public void* Control;
        public nuint ControlLength;
        public ulong Flags;
    }
}
