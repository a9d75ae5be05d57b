using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>One of a few words.</summary>
internal sealed class ChoiceType<T>(params (string Word, T Value)[] choices) : ConfigType<T>
{
    private readonly string _words = string.Join(", ", choices.Select(static c => $"\"{c.Word}\""));

    public override string Name => string.Join(", ", choices.Select(static c => c.Word));

    public override bool TryRead(ConfigNode node, ConfigReader reader, out T value)
    {
        value = default!;
        if (node.Kind != ConfigKind.String)
        {
            reader.Fail(node.Position, $"one of {_words} is expected here, not {node.Description}");
            return false;
        }

        if (!reader.TryExpand(node, out string text))
        {
            return false;
        }

        foreach ((string word, T choice) in choices)
        {
            if (word == text)
            {
                value = choice;
                return true;
            }
        }

        string? meant = Suggestion.Nearest(text, choices.Select(static c => c.Word));
        reader.Fail(node.Position, $"\"{text}\" is not one of {_words}{(meant is null ? "" : $": did you mean \"{meant}\"?")}");
        return false;
    }

    public override string Format(T value) => TomlText.Quote(choices.First(c => EqualityComparer<T>.Default.Equals(c.Value, value)).Word);

    public override JsonObject Schema() => new() { ["enum"] = new JsonArray([.. choices.Select(static c => JsonValue.Create(c.Word))]) };
}
