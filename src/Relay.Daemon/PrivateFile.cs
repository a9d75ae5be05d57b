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

    /// <summary>Writes the whole file anew with mode 0600, or leaves it as it is: nobody sees half of it, a crash included. Throws as <see cref="Create"/> does.</summary>
    public static void Replace(string path, string text)
    {
        // A link stays one.
        path = (File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName : null) ?? Path.GetFullPath(path);
        string fresh = $"{path}.{Guid.NewGuid():N}.new";
        try
        {
            // Written through: a name must not come to a file whose content isn't on the disk.
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.WriteThrough, BufferSize = 0 };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using (var stream = new FileStream(fresh, options))
            {
                stream.Write(Encoding.UTF8.GetBytes(text));
            }

            File.Move(fresh, path, overwrite: true);
        }
        catch
        {
            File.Delete(fresh);
            throw;
        }
    }
}
