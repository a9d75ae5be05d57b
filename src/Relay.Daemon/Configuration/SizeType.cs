using System.Globalization;
using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>A size in a range: text with a unit, or a number of octets.</summary>
internal sealed class SizeType(long minimum, long maximum) : ConfigType<long>
{
    public override string Name => "size";

    public override bool TryRead(ConfigNode node, ConfigReader reader, out long value)
    {
        value = node.Integer;
        if (node.Kind is not (ConfigKind.String or ConfigKind.Integer))
        {
            reader.Fail(node.Position, $"a size like \"25MiB\" is expected here, not {node.Description}");
            return false;
        }

        if (node.Kind == ConfigKind.String)
        {
            if (!reader.TryExpand(node, out string text))
            {
                return false;
            }

            if (SizeText.Parse(text, out value) is { } error)
            {
                reader.Fail(node.Position, error);
                return false;
            }
        }

        if (value < minimum || value > maximum)
        {
            reader.Fail(node.Position, string.Create(CultureInfo.InvariantCulture,
                $"{value} octets are out of range: write a size from \"{SizeText.Format(minimum)}\" to \"{SizeText.Format(maximum)}\""));
            return false;
        }

        return true;
    }

    public override string Format(long value) => TomlText.Quote(SizeText.Format(value));

    public override JsonObject Schema() => new()
    {
        ["type"] = new JsonArray("string", "integer"),
        ["pattern"] = @"^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)?$|\$\{",
        ["minimum"] = minimum,
        ["maximum"] = maximum,
    };
}
