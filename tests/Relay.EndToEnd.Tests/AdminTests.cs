using System.Net;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

public sealed class AdminTests
{
    [Fact]
    public async Task Health_readiness_and_metrics_answer_without_a_token()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        await client.SendMessageAsync("sender@from.test", "user@to.test", TestMessage.Create(new Random(19), 100).Content);
        await server.MessageAsync(_ => true, "the message");
        using var http = new HttpClient { BaseAddress = relay.Admin };

        foreach (string path in (string[])["healthz", "readyz"])
        {
            using HttpResponseMessage response = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        string metrics = await http.GetStringAsync(new Uri("metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        string[] samples = [.. metrics.Split('\n').Where(line => line.StartsWith("relay_", StringComparison.Ordinal))];
        Assert.NotEmpty(samples);
        Assert.Contains(samples, sample => sample.EndsWith(" 1", StringComparison.Ordinal) || sample.Contains(" 1 ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_unknown_path_is_not_found()
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());
        using var http = new HttpClient { BaseAddress = relay.Admin };

        using HttpResponseMessage response = await http.GetAsync(new Uri("nothing-here", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.True(response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Unauthorized, response.StatusCode.ToString());
    }

    [Theory]
    [InlineData("DELETE", "queue", "GET")]
    [InlineData("HEAD", "healthz", "GET")]
    [InlineData("GET", "abuse/lift", "POST")]
    [InlineData("PUT", "queue/0123456789ABC", "GET")]
    public async Task A_method_that_a_path_does_not_have_is_refused_with_the_one_it_has(string method, string path, string allowed)
    {
        await using RelayProcess relay = await RelayProcess.StartAsync(new RelaySettings());
        using var http = new HttpClient { BaseAddress = relay.Admin };
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative));

        using HttpResponseMessage response = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal([allowed], response.Content.Headers.Allow);
    }
}
