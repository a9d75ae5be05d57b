using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Relay.Daemon.Hosting;

/// <summary>What the admin listener answers: /healthz (is anything broken?), /readyz (is mail taken now?), /metrics.</summary>
internal static class AdminEndpoints
{
    public static void Map(WebApplication app, RelayEngine engine)
    {
        app.MapGet("/healthz", context => AnswerAsync(context, engine.Unhealthy, engine.Degraded));
        app.MapGet("/readyz", context => AnswerAsync(context, engine.IsReady ? null : engine.Unhealthy ?? "stopping"));
        app.MapPrometheusScrapingEndpoint("/metrics");
    }

    private static Task AnswerAsync(HttpContext context, string? trouble, string? degraded = null)
    {
        context.Response.StatusCode = trouble is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync((trouble ?? (degraded is null ? "ok" : $"degraded: {degraded}")) + "\n", context.RequestAborted);
    }
}
