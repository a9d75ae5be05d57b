using System.Text.Json;

namespace Relay.Protocol.Tests;

/// <summary>Public test vectors, which aren't ours to publish: the variable RELAY_VECTORS names their folder, and without it their tests are skipped.</summary>
internal static class Vectors
{
    public static JsonElement Read(params string[] path)
    {
        string? folder = Environment.GetEnvironmentVariable("RELAY_VECTORS");
        Assert.SkipWhen(string.IsNullOrEmpty(folder), "RELAY_VECTORS names no folder.");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine([folder!, .. path])));
        return document.RootElement.Clone();
    }
}
