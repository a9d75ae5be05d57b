using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>Where a token stands: `{ file = "…" }`. The file is made at the first start when it isn't there, so nothing is read here; the value is its path.</summary>
internal sealed class TokenFileType : ConfigType<string>
{
    public override string Name => "{ file = path }";

    public override bool TryRead(ConfigNode node, ConfigReader reader, out string value)
    {
        value = "";
        if (node.Kind != ConfigKind.Table || node.Entries is not [{ Name: "file", Value: { Kind: ConfigKind.String } file }])
        {
            reader.Fail(node.Position, "the token stands in a file: write { file = \"…\" }; the relay makes it when it isn't there");
            return false;
        }

        if (!reader.TryExpand(file, out string path) || path.Length == 0)
        {
            return false;
        }

        value = Path.GetFullPath(path, reader.Folder);
        return true;
    }

    public override string Format(string value) => $"{{ file = {TomlText.Quote(value)} }}";

    public override JsonObject Schema() => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject { ["file"] = new JsonObject { ["type"] = "string" } },
        ["required"] = new JsonArray("file"),
        ["additionalProperties"] = false,
    };
}
