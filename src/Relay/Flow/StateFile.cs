namespace Relay.Flow;

/// <summary>Small files for what is kept over restarts besides mail: each is replaced whole, so that nobody reads half of one.</summary>
internal static class StateFile
{
    /// <summary>Behind the name of a file that is being written. What a crash leaves of it is no file of ours.</summary>
    public const char Unfinished = '~';

    /// <summary>Makes the folder when it isn't there. Throws IOException or UnauthorizedAccessException.</summary>
    public static async Task ReplaceAsync(string path, ReadOnlyMemory<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllBytesAsync(path + Unfinished, content).ConfigureAwait(false);
        File.Move(path + Unfinished, path, overwrite: true);
    }
}
