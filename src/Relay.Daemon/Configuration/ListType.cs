using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>A list of values of one type; every wrong one is told.</summary>
internal sealed class ListType<T>(ConfigType<T> item, int minimum = 0) : ConfigType<IReadOnlyList<T>>
{
    public override string Name => $"list: {item.Name}";

    public override bool TryRead(ConfigNode node, ConfigReader reader, out IReadOnlyList<T> value)
    {
        var items = new List<T>();
        value = items;
        if (node.Kind != ConfigKind.Array)
        {
            reader.Fail(node.Position, $"a list in brackets is expected here, not {node.Description}");
            return false;
        }

        bool valid = true;
        foreach (ConfigNode element in node.Items)
        {
            if (item.TryRead(element, reader, out T read))
            {
                items.Add(read);
            }
            else
            {
                valid = false;
            }
        }

        if (valid && items.Count < minimum)
        {
            reader.Fail(node.Position, "the list is empty: at least one entry is needed");
            return false;
        }

        return valid;
    }

    public override string Format(IReadOnlyList<T> value) => $"[{string.Join(", ", value.Select(item.Format))}]";

    public override JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = item.Schema() };
        if (minimum > 0)
        {
            schema["minItems"] = minimum;
        }

        return schema;
    }
}
