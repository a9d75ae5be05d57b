using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A disk of its own: an ext4 with a journal in an image in memory, mounted over a loop device in the test's mount namespace. The image is allocated in full, so that the
/// loop device never fails for want of memory. The journal is committed by syncs alone (commit=600), as a crash finds it.
/// </summary>
internal sealed class LoopDisk : IAsyncDisposable
{
    private readonly MountNamespace _space;
    private string _device = "";
    private bool _mounted;

    private LoopDisk(MountNamespace space, string image, string mountPoint)
    {
        _space = space;
        Image = image;
        MountPoint = mountPoint;
    }

    public string Image { get; }

    /// <summary>Where it is mounted, inside the namespace.</summary>
    public string MountPoint { get; }

    /// <summary>The mounted folder as seen from here.</summary>
    public string Folder => _space.Outside(MountPoint);

    /// <summary>"loop0", while it is mounted.</summary>
    public string Device => Path.GetFileName(_device);

    public static async Task<LoopDisk> CreateAsync(MountNamespace space, int mebibytes, string mountPoint, string options = "commit=600")
    {
        string image = $"/dev/shm/relay-e2e-{Guid.NewGuid():N}.img";
        var disk = new LoopDisk(space, image, mountPoint);
        try
        {
            await RunAsync(ToolProcess.RunAsync(Tool.Find("fallocate", "util-linux"), ["-l", $"{mebibytes}MiB", image]));
            await RunAsync(ToolProcess.RunAsync(Tool.Find("mkfs.ext4", "e2fsprogs"), ["-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", "-m", "0", image]));
            await disk.MountAsync(options);
            return disk;
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }
    }

    /// <summary>Mounts a copy of another disk's image: the kernel replays its journal.</summary>
    public static async Task<LoopDisk> MountAsync(MountNamespace space, string image, string mountPoint)
    {
        var disk = new LoopDisk(space, image, mountPoint);
        try
        {
            await disk.MountAsync("commit=600");
            return disk;
        }
        catch
        {
            await disk.DisposeAsync();
            throw;
        }
    }

    /// <summary>Write requests that the device has finished, and those it is at.</summary>
    public (long Finished, long InFlight) Writes()
    {
        string[] fields = File.ReadAllText($"/sys/block/{Device}/stat").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (Field(4) + Field(15), Field(8));

        // Flushes have a count of their own.
        long Field(int index) => index < fields.Length ? long.Parse(fields[index], CultureInfo.InvariantCulture) : 0;
    }

    public async Task MountAsync(string options)
    {
        Directory.CreateDirectory(MountPoint);
        await RunAsync(_space.RunAsync(Tool.Find("mount", "mount"), "-t", "ext4", "-o", $"loop,{options}", Image, MountPoint));
        _mounted = true;
        await using ToolProcess find = await _space.RunAsync(Tool.Find("findmnt", "util-linux"), "-n", "-o", "SOURCE", MountPoint);
        _device = find.Output is [string device, ..] ? device : throw new InvalidOperationException($"nothing is mounted on {MountPoint}");
    }

    public async Task UnmountAsync()
    {
        if (_mounted)
        {
            await RunAsync(_space.RunAsync(Tool.Find("umount", "mount"), MountPoint));
            _mounted = false;
        }
    }

    /// <summary>What e2fsck finds on the unmounted disk; "" when it is clean.</summary>
    public async Task<string> CheckAsync()
    {
        await using ToolProcess check = await ToolProcess.RunAsync(Tool.Find("e2fsck", "e2fsprogs"), ["-f", "-n", Image]);
        return check.ExitCode == 0 ? "" : check.Transcript;
    }

    public async ValueTask DisposeAsync()
    {
        if (_mounted)
        {
            // Lazily: a relay of a failed test may still be at it, and it ends with the test.
            await using ToolProcess umount = await _space.RunAsync(Tool.Find("umount", "mount"), "--lazy", MountPoint);
        }

        File.Delete(Image);
    }

    private static async Task RunAsync(Task<ToolProcess> running)
    {
        await using ToolProcess tool = await running;
        Assert.True(tool.ExitCode == 0, tool.Transcript);
    }
}
