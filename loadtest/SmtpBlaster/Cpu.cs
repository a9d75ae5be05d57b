using System.Diagnostics;

namespace SmtpBlaster;

/// <summary>Processor time in microseconds, of user and system.</summary>
internal static class Cpu
{
    public static double OfThisProcess()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalMicroseconds;
    }

    /// <summary>0 when it is gone.</summary>
    public static double Of(Process process)
    {
        try
        {
            process.Refresh();
            return process.HasExited ? 0 : process.TotalProcessorTime.TotalMicroseconds;
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }
}
