using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>true or false.</summary>
internal sealed class BooleanType : ConfigType<bool>
{
    public override string Name => "true or false";

    public override bool TryRead(ConfigNode node, ConfigReader reader, out bool value)
    {
        value = node.Boolean;
        if (node.Kind == ConfigKind.Boolean)
        {
            return true;
        }

        reader.Fail(node.Position, $"true or false without quotes is expected here, not {node.Description}");
        return false;
    }

    public override string Format(bool value) => value ? "true" : "false";

    public override JsonObject Schema() => new() { ["type"] = "boolean" };
}
