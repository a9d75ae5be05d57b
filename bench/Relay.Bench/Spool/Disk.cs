using Relay.Spool;

namespace Relay.Bench.Spool;

/// <summary>A benchmark's disk has to work: an errno is an exception here.</summary>
internal static class Disk
{
    public static void Check(int error, string what)
    {
        if (error != 0)
        {
            throw new IOException($"{what}: {Errno.Text(error)}");
        }
    }

    public static int WriteAll(IStorage disk, int file, ReadOnlySpan<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            int error = disk.Write(file, bytes, offset, out int written);
            if (error != 0)
            {
                return error;
            }

            bytes = bytes[written..];
            offset += written;
        }

        return 0;
    }
}
