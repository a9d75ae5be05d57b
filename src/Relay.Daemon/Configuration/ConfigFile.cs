using System.Text;

namespace Relay.Daemon.Configuration;

/// <summary>A configuration file to validated options, with every error at once. Pure but for the files it reads.</summary>
internal static class ConfigFile
{
    private const string DefaultName = "relay.toml";

    // Throws where the file is no UTF-8, as TOML must be.
    private static readonly UTF8Encoding Utf8 = new(false, true);

    /// <summary>The file that is meant: the one given, or ./relay.toml when there is one, or null for the embedded default.</summary>
    public static string? Find(string? given) => given ?? (File.Exists(DefaultName) ? DefaultName : null);

    /// <summary>Reads a file; without one, the embedded default: an empty file in the working directory.</summary>
    public static ConfigResult Load(string? path)
    {
        if (path is null)
        {
            return Parse("", "(default)", Directory.GetCurrentDirectory(), Environment.GetEnvironmentVariable);
        }

        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            ReadOnlySpan<byte> content = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(3) : bytes;
            string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            try
            {
                return Parse(Utf8.GetString(content), path, folder, Environment.GetEnvironmentVariable);
            }
            catch (DecoderFallbackException e)
            {
                ReadOnlySpan<byte> before = content[..e.Index];
                var position = new Position(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'));
                return new ConfigResult(null, [new ConfigError(path, position, "this is not UTF-8: save the file in UTF-8")]);
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new ConfigResult(null, [new ConfigError(path, Position.Start, "there is no such file")]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ConfigResult(null, [new ConfigError(path, Position.Start, $"the file can't be read: {e.Message}")]);
        }
    }

    public static ConfigResult Parse(string text, string file, string folder, Func<string, string?> environment)
    {
        var errors = new List<ConfigError>();
        if (TomlTree.Parse(text, file, errors) is not { } root)
        {
            return new ConfigResult(null, errors);
        }

        var reader = new ConfigReader(file, folder, environment, errors);
        var draft = new ConfigDraft(folder);
        reader.Read(root, draft);
        draft.AddDefaultListener();
        ConfigChecks.Run(draft, reader);
        EgressChecks.Run(draft, reader);
        CertificateFiles.Check(draft, reader);
        DkimChecks.Run(draft, reader);
        MilterChecks.Run(draft, reader);
        LoginChecks.Run(draft, reader);
        RecipientFile.Read(draft, reader, errors);
        UsersFile.Read(draft, reader, errors);
        NetworkFile.Read(draft, reader, errors);
        TextFiles.Read(draft, reader, errors);
        return errors.Count == 0
            ? new ConfigResult(draft.Build(), [])
            : new ConfigResult(null, [.. errors.OrderBy(e => e.File != file).ThenBy(static e => e.Position.Line).ThenBy(static e => e.Position.Column)]);
    }
}
