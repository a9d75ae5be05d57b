using System.Text.Json.Nodes;

namespace Relay.Daemon.Configuration;

/// <summary>What kind of value a key takes: how it is read with all that can be wrong with it, written back, and described to people and to editors.</summary>
internal abstract class ConfigType<T>
{
    /// <summary>For the reference: "duration".</summary>
    public abstract string Name { get; }

    /// <summary>False when the value is wrong; the reader has been told then.</summary>
    public abstract bool TryRead(ConfigNode node, ConfigReader reader, out T value);

    /// <summary>The value as TOML.</summary>
    public abstract string Format(T value);

    /// <summary>The value as JSON Schema.</summary>
    public abstract JsonObject Schema();
}
