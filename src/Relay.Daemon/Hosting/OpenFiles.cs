using System.Runtime.InteropServices;

namespace Relay.Daemon.Hosting;

/// <summary>How many files the process may have open, and how many connections that leaves room for.</summary>
internal static partial class OpenFiles
{
    /// <summary>What spool, logs, deliveries and the runtime need besides clients.</summary>
    private const int Reserve = 512;

    /// <summary>So few are served whatever the limit says: a relay that serves nobody is no use.</summary>
    private const int Minimum = 16;

    private static int NumberOfFiles => OperatingSystem.IsLinux() ? 7 : 8;

    /// <summary>Raises the soft limit to the hard one, as far as that is allowed, and gives what holds then.</summary>
    public static long Raise()
    {
        if (OperatingSystem.IsWindows() || GetLimit(NumberOfFiles, out ResourceLimit limit) != 0)
        {
            return long.MaxValue;
        }

        var raised = new ResourceLimit { Soft = limit.Hard, Hard = limit.Hard };
        ulong soft = SetLimit(NumberOfFiles, raised) == 0 ? raised.Soft : limit.Soft;
        return (long)Math.Min(soft, long.MaxValue);
    }

    public static int Connections(int configured, long openFiles) => (int)Math.Min(configured, Math.Max(openFiles - Reserve, Minimum));

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
