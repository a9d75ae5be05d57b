namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Programs of the system that the tests use. What is missing skips the test, with the package to install; tests/run.sh installs them.</summary>
internal static class Tool
{
    private static readonly string[] Folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

    public static string Find(string name, string package)
    {
        string? path = Folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        Assert.SkipWhen(path is null, $"{name} is not installed (Debian package {package})");
        return path!;
    }
}
