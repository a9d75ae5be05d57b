using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>A password: from a file (`{ file = "…" }`, its first line), from the environment ("${NAME}"), or as it stands. It is never printed.</summary>
internal sealed class SecretType : ConfigType<string>
{
    public const string Hidden = "(hidden)";

    public override string Name => "secret";

    public override bool TryRead(ConfigNode node, ConfigReader reader, out string value)
    {
        value = "";
        if (node.Kind == ConfigKind.String)
        {
            return reader.TryExpand(node, out value) && IsUsable(value, node, reader);
        }

        if (node.Kind != ConfigKind.Table || node.Entries is not [{ Name: "file", Value: { Kind: ConfigKind.String } file }])
        {
            reader.Fail(node.Position, "a password is expected here: write { file = \"…\" } or \"${NAME}\" for one from the environment");
            return false;
        }

        if (!reader.TryExpand(file, out string path) || CertificateFiles.TryRead(Path.GetFullPath(path, reader.Folder), file.Position, reader) is not { } text)
        {
            return false;
        }

        int end = text.AsSpan().IndexOfAny('\r', '\n');
        value = end < 0 ? text : text[..end];
        return IsUsable(value, file, reader);
    }

    public override string Format(string value) => TomlText.Quote(Hidden);

    public override JsonObject Schema() => new()
    {
        ["anyOf"] = new JsonArray(
            new JsonObject { ["type"] = "string" },
            new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject { ["file"] = new JsonObject { ["type"] = "string" } },
                ["required"] = new JsonArray("file"),
                ["additionalProperties"] = false,
            }),
    };

    private static bool IsUsable(string value, ConfigNode node, ConfigReader reader)
    {
        if (value.Length > 0 && !value.Any(char.IsControl))
        {
            return true;
        }

        reader.Fail(node.Position, "the password is empty or holds control characters");
        return false;
    }
}
