using System.Text.Json;

namespace Relay.Daemon.Hosting;

/// <summary>A message's lines of the delivery log, and whether they are all of them.</summary>
internal sealed record AdminTrace(string Id, bool Complete, IReadOnlyList<JsonElement> Events);
