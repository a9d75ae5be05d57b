using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A control group with a limit of memory, of either version, below the one that the test is in. What counts against it is what a container's limit counts: the process's own memory and the page cache of what it writes.
/// Disposing removes it, when what ran in it has ended.
/// </summary>
internal sealed class MemoryCgroup : IDisposable
{
    private const string Root = "/sys/fs/cgroup";

    private readonly string _folder;
    private readonly bool _second;

    private MemoryCgroup(string folder, bool second) => (_folder, _second) = (folder, second);

    /// <summary>Runs a program in the group: the shell writes itself into it and becomes the program.</summary>
    public string[] Wrapper => ["/bin/sh", "-c", $"echo $$ > {_folder}/cgroup.procs && exec \"$@\"", "sh"];

    /// <summary>The most that has counted, in bytes; -1 where the kernel doesn't tell (version 2 before Linux 5.19).</summary>
    public long Peak => Read(_second ? "memory.peak" : "memory.max_usage_in_bytes") is { Length: > 0 } text ? long.Parse(text, CultureInfo.InvariantCulture) : -1;

    /// <summary>Processes that were killed because nothing could be taken back any more.</summary>
    public int OomKills => int.Parse(
        Read(_second ? "memory.events" : "memory.oom_control").Split('\n').Single(static line => line.StartsWith("oom_kill ", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);

    public string Version => _second ? "v2" : "v1";

    /// <summary>Null where none can be made: no right to, or no memory controller that is ours to hand on.</summary>
    public static MemoryCgroup? TryCreate(long bytes)
    {
        string[] own = File.ReadAllLines("/proc/self/cgroup");
        string? first = own.Select(static line => line.Split(':', 3)).FirstOrDefault(static parts => parts[1].Split(',').Contains("memory"))?[2];
        string? second = own.FirstOrDefault(static line => line.StartsWith("0::", StringComparison.Ordinal))?[3..];
        return first is not null ? TryCreate($"{Root}/memory", first, bytes, second: false) : second is not null ? TryCreate(Root, second, bytes, second: true) : null;
    }

    public void Dispose() => Directory.Delete(_folder);

    private static MemoryCgroup? TryCreate(string mount, string own, long bytes, bool second)
    {
        // In a container the path may be that of the host; then the mount itself is ours.
        string parent = Directory.Exists(mount + own) ? mount + own : mount;
        string folder = Path.Combine(parent, $"relay-e2e-{Guid.NewGuid():N}");
        string limit = bytes.ToString(CultureInfo.InvariantCulture);
        bool made = false;
        try
        {
            Directory.CreateDirectory(folder);
            made = true;
            // Without the controller a group of version 2 has no such file, and the write fails.
            Write(folder, second ? "memory.max" : "memory.limit_in_bytes", limit);
            if (second)
            {
                Write(folder, "memory.swap.max", "0");
            }

            return new MemoryCgroup(folder, second);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (made)
            {
                Directory.Delete(folder);
            }

            return null;
        }
    }

    private static void Write(string folder, string file, string text)
    {
        using var stream = new FileStream(Path.Combine(folder, file), FileMode.Open, FileAccess.Write);
        using var writer = new StreamWriter(stream);
        writer.Write(text);
    }

    private string Read(string file)
    {
        string path = Path.Combine(_folder, file);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : "";
    }
}
