using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>The JSON Schema of the configuration file, for editors; relay.schema.json holds what this makes.</summary>
internal static class ConfigSchema
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    public static string Generate()
    {
        var draft = new ConfigDraft("/");
        var root = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "relay.toml",
        };
        Describe(ConfigTable.Sections[0], draft, root);
        foreach (ConfigSection section in ConfigTable.Sections.Skip(1))
        {
            JsonObject parent = root;
            string[] names = section.Name.Split('.');
            foreach (string name in names[..^1])
            {
                parent = parent["properties"]![name]!.AsObject();
            }

            parent["properties"]![names[^1]] = SectionSchema(section, draft);
        }

        return root.ToJsonString(Indented) + "\n";
    }

    private static JsonObject SectionSchema(ConfigSection section, ConfigDraft draft)
    {
        var schema = new JsonObject();
        if (section.Items is null)
        {
            schema["description"] = section.Doc;
            Describe(section, draft, schema);
            return schema;
        }

        section.Items.Add(draft);
        Describe(section, draft, schema);
        schema["required"] = new JsonArray([.. section.Keys.Where(static k => k.Required).Select(static k => JsonValue.Create(k.Name))]);
        return new JsonObject { ["description"] = section.Doc, ["type"] = "array", ["items"] = schema };
    }

    private static void Describe(ConfigSection section, ConfigDraft draft, JsonObject schema)
    {
        var properties = new JsonObject();
        foreach (ConfigKey key in section.Keys)
        {
            JsonObject property = key.Schema.DeepClone().AsObject();
            property.Insert(0, "description", key.Doc);
            // TOML's strings, numbers and lists are JSON as we write them.
            if (key.DefaultNote is null && key.Write(draft) is { } value)
            {
                property["default"] = JsonNode.Parse(value);
            }

            properties[key.Name] = property;
        }

        schema["type"] = "object";
        schema["additionalProperties"] = false;
        schema["properties"] = properties;
    }
}
