using System.Diagnostics;
using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class DiskStorageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("relay-spool-").FullName;
    private readonly DiskStorage _disk = new();

    private string Spool => Path.Combine(_folder, "var", "spool");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Mail_survives_a_restart_on_a_real_disk()
    {
        byte[] small = TestSpool.Body(1, 5000);
        byte[] large = TestSpool.Body(2, 3_000_000);
        await using (TestSpool spool = TestSpool.Open(_disk, Spool))
        {
            await spool.Store(small);
            await spool.Store(large);
            for (int i = 0; i < 300; i++)
            {
                spool.Settle(await spool.Store(TestSpool.Body(i, 1000)));
            }
        }

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Spool));
        }

        await using TestSpool again = TestSpool.Open(_disk, Spool);
        Assert.Equal([small, large], again.Recovered.Select(m => again.Read(m.Message)));
    }

    [Fact]
    public async Task A_second_instance_is_refused_and_the_first_goes_on()
    {
        await using TestSpool first = TestSpool.Open(_disk, Spool);
        var refused = Assert.Throws<IOException>(() => TestSpool.Open(_disk, Spool));
        Assert.Contains("in use by another instance", refused.Message, StringComparison.Ordinal);
        await first.Store([1]);
        await first.DisposeAsync();
        await using TestSpool next = TestSpool.Open(_disk, Spool);
        Assert.Single(next.Recovered);
    }

    [Fact]
    public void What_is_not_a_folder_is_refused()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "x");
        Assert.Contains("not a folder", Assert.Throws<IOException>(() => TestSpool.Open(_disk, file)).Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => TestSpool.Open(_disk, "/proc/spool"));
    }

    [Fact]
    public async Task Pipes_links_and_folders_under_a_segment_s_name_don_t_hold_up_the_start()
    {
        Directory.CreateDirectory(Spool);
        using (var mkfifo = Process.Start("mkfifo", Path.Combine(Spool, "00000001.seg")))
        {
            await mkfifo.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        File.WriteAllText(Path.Combine(_folder, "outside"), "precious");
        File.CreateSymbolicLink(Path.Combine(Spool, "00000002.seg"), Path.Combine(_folder, "outside"));
        Directory.CreateDirectory(Path.Combine(Spool, "00000003.seg"));
        File.WriteAllText(Path.Combine(Spool, "00000004.seg"), string.Empty);
        await using TestSpool spool = TestSpool.Open(_disk, Spool);
        await spool.Store([1]);
        Assert.Equal("precious", File.ReadAllText(Path.Combine(_folder, "outside")));
    }

    [Fact]
    public void Errors_come_back_as_numbers()
    {
        Assert.Equal(Errno.NotFound, _disk.Open(Path.Combine(_folder, "none"), OpenMode.Existing, out _));
        Assert.Equal(0, _disk.Open(Path.Combine(_folder, "new"), OpenMode.CreateNew, out int file));
        Assert.Equal(Errno.Exists, _disk.Open(Path.Combine(_folder, "new"), OpenMode.CreateNew, out _));
        Assert.Equal(0, _disk.Write(file, "hello"u8, 3, out int written));
        Assert.Equal(5, written);
        Assert.Equal(0, _disk.Length(file, out long length));
        Assert.Equal(8, length);
        byte[] bytes = new byte[20];
        Assert.Equal(0, _disk.Read(file, bytes, 3, out int read));
        Assert.Equal("hello"u8, bytes.AsSpan(0, read));
        Assert.Equal(0, _disk.Sync(file));
        Assert.Equal(0, _disk.OpenDirectory(_folder, out int folder));
        Assert.Equal(0, _disk.SyncDirectory(folder));
        Assert.Equal(0, _disk.Close(folder));
        Assert.Equal(9, _disk.SyncDirectory(folder));
        Assert.Equal(0, _disk.Close(file));
        Assert.Equal(9, _disk.Sync(file));
        Assert.Equal(Errno.NotFound, _disk.Unlink(Path.Combine(_folder, "none")));
        Assert.Equal(Errno.NotFound, _disk.OpenDirectory(Path.Combine(_folder, "none"), out _));
    }

    [Fact]
    public void Free_space_is_what_the_file_system_has()
    {
        Assert.Equal(0, _disk.Free(_folder, out long octets));
        Assert.InRange(octets, 1, new DriveInfo(_folder).TotalSize);
        // Nothing can be stored there.
        Assert.Equal(0, _disk.Free("/proc", out octets));
        Assert.Equal(0, octets);
        Assert.Equal(Errno.NotFound, _disk.Free(Path.Combine(_folder, "missing"), out _));
    }

    [Fact]
    public void A_full_device_is_told_from_a_broken_one()
    {
        Assert.Equal(0, _disk.Open("/dev/full", OpenMode.Existing, out int full));
        Assert.Equal(Errno.NoSpace, _disk.Write(full, "x"u8, 0, out _));
        _disk.Close(full);
    }
}
