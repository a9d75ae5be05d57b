using System.Security.Cryptography;
using System.Text;

namespace Relay.Spool;

/// <summary>
/// Which folders belong together, so that a disk that is not mounted is missed instead of taken for an empty one. Each folder of a spool with several has a file
/// `members`: a line "own ID", then a line "with ID PATH" for every other, its path as last seen. The ids are what counts: folders may move, and be listed in any
/// order. A spool of one folder has no such file. It is deleted by hand to give a lost folder up.
/// </summary>
internal sealed record SpoolMembers(string Own, IReadOnlyDictionary<string, string> Others)
{
    private const string Name = "members";
    private const int Longest = 64 * 1024;

    /// <summary>What the folders say, a new id for one that says nothing. Throws IOException when another one belongs to them, or one is listed twice.</summary>
    internal static SpoolMembers[] Check(SpoolFiles[] files)
    {
        SpoolMembers?[] found = [.. files.Select(Read)];
        for (int i = 0; i < files.Length; i++)
        {
            if (found[i] is not { } members)
            {
                continue;
            }

            if (Array.FindIndex(found, f => f?.Own == members.Own) is var same && same != i)
            {
                throw new IOException($"spool {files[same].Folder} and {files[i].Folder} are the same folder, or one is a copy of the other");
            }

            foreach ((string id, string path) in members.Others.Where(o => !found.Any(f => f?.Own == o.Key)))
            {
                throw new IOException(
                    $"spool {path} is missing ({id}), which belongs to {files[i].Folder}: mount it and list it, or delete {PathIn(files[i])} to go on without the mail in it");
            }
        }

        return [.. found.Select(static f => f ?? new SpoolMembers(RandomNumberGenerator.GetHexString(16, lowercase: true), new Dictionary<string, string>()))];
    }

    /// <summary>Writes down that the folders belong together. First each alone, then all: whatever a crash leaves names no folder that doesn't know its own id.</summary>
    internal static void Join(SpoolFiles[] files, SpoolMembers[] members)
    {
        if (files.Length == 1)
        {
            return;
        }

        bool[] known = [.. files.Select((_, i) => members[i].Others.Count > 0)];
        for (int i = 0; i < files.Length; i++)
        {
            if (!known[i])
            {
                Write(files[i], members[i]);
            }
        }

        for (int i = 0; i < files.Length; i++)
        {
            Dictionary<string, string> others = Enumerable.Range(0, files.Length).Where(j => j != i).ToDictionary(j => members[j].Own, j => files[j].Folder);
            if (members[i].Others.Count != others.Count || others.Except(members[i].Others).Any())
            {
                Write(files[i], members[i] with { Others = others });
            }
        }
    }

    private static string PathIn(SpoolFiles files) => Path.Combine(files.Folder, Name);

    private static SpoolMembers? Read(SpoolFiles files)
    {
        string path = PathIn(files);
        int error = files.Storage.Open(path, OpenMode.Existing, out int file);
        if (error is Errno.NotFound or Errno.NotDirectory)
        {
            return null;
        }

        byte[] bytes = new byte[Longest];
        int length = 0;
        if (error == 0)
        {
            error = files.ReadAll(file, bytes, 0, out length);
            files.Storage.Close(file);
        }

        if (error != 0)
        {
            throw new IOException($"{path} can't be read: {Errno.Text(error)}");
        }

        return Parse(Encoding.UTF8.GetString(bytes, 0, length)) ?? throw new IOException($"{path} can't be understood: restore it, or delete it when no other folder belongs to this one");
    }

    private static SpoolMembers? Parse(string text)
    {
        string? own = null;
        var others = new Dictionary<string, string>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (line.Split(' ', 3))
            {
                case ["own", { Length: > 0 } id] when own is null:
                    own = id;
                    break;

                case ["with", { Length: > 0 } id, { Length: > 0 } path]:
                    others[id] = path;
                    break;

                default:
                    return null;
            }
        }

        return own is null ? null : new SpoolMembers(own, others);
    }

    private static void Write(SpoolFiles files, SpoolMembers members)
    {
        string path = PathIn(files);
        string fresh = path + ".new";
        var text = new StringBuilder($"own {members.Own}\n");
        foreach ((string id, string other) in members.Others)
        {
            text.Append("with ").Append(id).Append(' ').Append(other.ReplaceLineEndings("?")).Append('\n');
        }

        files.Storage.Unlink(fresh);
        int error = files.Storage.Open(fresh, OpenMode.CreateNew, out int file);
        if (error == 0)
        {
            error = files.WriteAll(file, Encoding.UTF8.GetBytes(text.ToString()), 0);
            error = error == 0 ? files.Sync(file) : error;
            int closing = files.Storage.Close(file);
            error = error == 0 ? closing : error;
        }

        error = error == 0 ? files.Storage.Rename(fresh, path) : error;
        error = error == 0 ? files.SyncFolder() : error;
        if (error != 0)
        {
            throw new IOException($"{path} can't be written: {Errno.Text(error)}");
        }
    }
}
