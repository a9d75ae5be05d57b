using System.Text;

namespace Relay.Daemon;

/// <summary>Files that only their owner reads.</summary>
internal static class PrivateFile
{
    /// <summary>Makes the file, which must not exist, with mode 0600 from its first moment. Throws IOException or UnauthorizedAccessException.</summary>
    public static void Create(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var stream = new StreamWriter(path, Encoding.ASCII, options);
        stream.Write(text);
    }
}
