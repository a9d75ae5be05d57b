using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>A string with a meaning; ${NAME} in it has been replaced from the environment before it gets to <paramref name="parse"/>, which gives null or what is wrong.</summary>
internal sealed class TextType<T>(string name, TextType<T>.Parser parse, Func<T, string> format, string? pattern = null) : ConfigType<T>
{
    public delegate string? Parser(string text, ConfigReader reader, out T value);

    public override string Name => name;

    public override bool TryRead(ConfigNode node, ConfigReader reader, out T value)
    {
        value = default!;
        if (node.Kind != ConfigKind.String)
        {
            reader.Fail(node.Position, $"a {name} in quotes is expected here, not {node.Description}");
            return false;
        }

        if (!reader.TryExpand(node, out string text))
        {
            return false;
        }

        if (parse(text, reader, out value) is { } error)
        {
            reader.Fail(node.Position, error);
            return false;
        }

        return true;
    }

    public override string Format(T value) => TomlText.Quote(format(value));

    public override JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = "string" };
        if (pattern is not null)
        {
            // A name from the environment may stand for the whole value or for a part of it.
            schema["pattern"] = $@"{pattern}|\$\{{";
        }

        return schema;
    }
}
