using System.Globalization;
using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>A whole number in a range.</summary>
internal sealed class IntegerType(int minimum, int maximum) : ConfigType<int>
{
    public override string Name => "number";

    public override bool TryRead(ConfigNode node, ConfigReader reader, out int value)
    {
        value = 0;
        if (node.Kind != ConfigKind.Integer)
        {
            reader.Fail(node.Position, $"a number without quotes is expected here, not {node.Description}");
            return false;
        }

        if (node.Integer < minimum || node.Integer > maximum)
        {
            reader.Fail(node.Position, string.Create(CultureInfo.InvariantCulture, $"{node.Integer} is out of range: write a number from {minimum} to {maximum}"));
            return false;
        }

        value = (int)node.Integer;
        return true;
    }

    public override string Format(int value) => value.ToString(CultureInfo.InvariantCulture);

    public override JsonObject Schema() => new() { ["type"] = "integer", ["minimum"] = minimum, ["maximum"] = maximum };
}
