namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A folder of one test's own, gone afterwards. World-readable, because some peers drop their privileges.</summary>
internal sealed class TempFolder : IDisposable
{
    public TempFolder()
    {
        Path = Directory.CreateTempSubdirectory("relay-e2e-").FullName;
        Share(Path);
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, string text)
    {
        string path = File(name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    /// <summary>A folder inside that any user may write to: smtp-sink and Postfix's virtual(8) write as "nobody" when started by root.</summary>
    public string SharedFolder(string name)
    {
        string path = Directory.CreateDirectory(File(name)).FullName;
        Share(path);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static void Share(string path) => System.IO.File.SetUnixFileMode(
        path,
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute);
}
