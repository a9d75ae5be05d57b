using System.Text;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Relay.Daemon.Configuration;

/// <summary>
/// TOML text to a tree of values with their places. The library's two readers share the work: its syntax parser finds every error of a text at once and knows where headers stand;
/// its event parser has already put dotted keys, headers and inline tables into one shape.
/// </summary>
internal static class TomlTree
{
    /// <summary>The root table, or null with the errors that the text has as TOML.</summary>
    public static ConfigNode? Parse(string text, string file, List<ConfigError> errors)
    {
        DocumentSyntax syntax = SyntaxParser.Parse(text, file, validate: true);
        if (syntax.HasErrors)
        {
            errors.AddRange(syntax.Diagnostics.Select(d => new ConfigError(file, At(d.Span.Start), OneLine(d.Message))));
            return null;
        }

        var events = TomlParser.Create(text, new TomlParserOptions { EagerStringValues = true, DecodeScalars = true }, new TomlSerializerOptions { SourceName = file });
        while (events.MoveNext() && events.Current.Kind != TomlParseEventKind.StartTable)
        {
        }

        ConfigNode root = new(ConfigKind.Table, Position.Start);
        ReadTable(events, root);
        PlaceItems(root, syntax);
        return root;
    }

    private static void ReadTable(TomlParser events, ConfigNode table)
    {
        while (events.MoveNext() && events.Current.Kind != TomlParseEventKind.EndTable)
        {
            TomlParseEvent key = events.Current;
            var place = new Position(key.Line, key.Column);
            string name = events.GetPropertyName();
            events.MoveNext();
            ConfigNode value = ReadValue(events, place);
            // A table may come in pieces: [delivery], later [delivery.timeouts]; [[listener]], [spool], [[listener]].
            if (table.Entries.Find(e => e.Name == name) is { } known && known.Value.Kind == value.Kind)
            {
                known.Value.Entries.AddRange(value.Entries);
                known.Value.Items.AddRange(value.Items);
            }
            else
            {
                table.Entries.Add(new ConfigEntry(name, place, value));
            }
        }
    }

    private static ConfigNode ReadValue(TomlParser events, Position key)
    {
        TomlParseEvent current = events.Current;
        Position place = current.Line > 0 ? new Position(current.Line, current.Column) : key;
        switch (current.Kind)
        {
            case TomlParseEventKind.StartTable:
                var table = new ConfigNode(ConfigKind.Table, place);
                ReadTable(events, table);
                return table;
            case TomlParseEventKind.StartArray:
                var array = new ConfigNode(ConfigKind.Array, place);
                while (events.MoveNext() && events.Current.Kind != TomlParseEventKind.EndArray)
                {
                    array.Items.Add(ReadValue(events, place));
                }

                return array;
            case TomlParseEventKind.String:
                return new ConfigNode(ConfigKind.String, place) { Text = current.GetString() };
            case TomlParseEventKind.Integer:
                return new ConfigNode(ConfigKind.Integer, place) { Integer = current.GetInt64() };
            case TomlParseEventKind.Boolean:
                return new ConfigNode(ConfigKind.Boolean, place) { Boolean = current.GetBoolean() };
            default:
                return new ConfigNode(ConfigKind.Other, place);
        }
    }

    /// <summary>The events don't tell where the second [[listener]] stands; the syntax does.</summary>
    private static void PlaceItems(ConfigNode root, DocumentSyntax syntax)
    {
        foreach (IGrouping<string, TableArraySyntax> headers in syntax.Tables.OfType<TableArraySyntax>().GroupBy(static t => t.Name?.ToString().Trim() ?? "", StringComparer.Ordinal))
        {
            if (root.Entries.Find(e => e.Name == headers.Key) is { Value.Kind: ConfigKind.Array } entry)
            {
                foreach ((ConfigNode item, TableArraySyntax header) in entry.Value.Items.Zip(headers))
                {
                    item.Position = At(header.Span.Start);
                }
            }
        }
    }

    private static Position At(TextPosition position) => new(position.Line + 1, position.Column + 1);

    private static string OneLine(string message)
    {
        var line = new StringBuilder(message.Length);
        foreach (char c in message)
        {
            line.Append(char.IsControl(c) ? '?' : c);
        }

        return line.ToString();
    }
}
