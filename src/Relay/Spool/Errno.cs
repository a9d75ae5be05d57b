using System.Runtime.InteropServices;

namespace Relay.Spool;

/// <summary>The error numbers the spool acts on, as Linux has them.</summary>
internal static class Errno
{
    internal const int NotFound = 2;
    internal const int Interrupted = 4;
    internal const int InputOutput = 5;
    internal const int WouldBlock = 11;
    internal const int NoMemory = 12;
    internal const int Exists = 17;
    internal const int NotDirectory = 20;
    internal const int Invalid = 22;
    internal const int TooManyInSystem = 23;
    internal const int TooMany = 24;
    internal const int NoSpace = 28;
    internal const int NotSupported = 95;
    internal const int Quota = 122;

    internal static bool IsSpace(int error) => error is NoSpace or Quota;

    /// <summary>Out of descriptors or memory: it passes, and says nothing of the file.</summary>
    internal static bool IsShortage(int error) => error is TooMany or TooManyInSystem or NoMemory;

    internal static string Text(int error) => $"{Marshal.GetPInvokeErrorMessage(error)} (errno {error})";
}
