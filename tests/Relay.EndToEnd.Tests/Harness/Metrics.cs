using System.Globalization;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>What a relay's /metrics says at the moment. A metric that has no sample yet is 0. Used by one thread at a time.</summary>
internal sealed class Metrics(RelayProcess relay) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = relay.Admin };
    private string[] _lines = [];

    /// <summary>How many recipients have come to this: "delivered", "deferred", "bounced", "expired".</summary>
    public long Settled(string outcome) => (long)Value("relay_recipients_settled_total", $"outcome=\"{outcome}\"");

    /// <summary>The sum of the samples of a metric that have the label, or of all.</summary>
    public double Value(string name, string label = "")
    {
        Read();
        return Last(name, label);
    }

    /// <summary>Asks once; <see cref="Last"/> then tells several.</summary>
    public void Read() => _lines = Text().Split('\n');

    /// <summary>The same as of the last <see cref="Read"/>.</summary>
    public double Last(string name, string label = "") => _lines
        .Where(line => line.StartsWith(name, StringComparison.Ordinal) && line[name.Length..].StartsWith('{') && line.Contains(label, StringComparison.Ordinal))
        .Sum(static line => double.Parse(line[(line.IndexOf('}', StringComparison.Ordinal) + 1)..].Trim().Split(' ')[0], CultureInfo.InvariantCulture));

    public void Dispose() => _http.Dispose();

    private string Text()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("metrics", UriKind.Relative));
        using HttpResponseMessage response = _http.Send(request);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(response.Content.ReadAsStream());
        return reader.ReadToEnd();
    }
}
