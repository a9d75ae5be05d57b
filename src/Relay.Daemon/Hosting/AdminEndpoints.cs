using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Relay.Flow;
using Relay.Flow.Abuse;

namespace Relay.Daemon.Hosting;

/// <summary>
/// What the admin listener answers. Open: /healthz (is anything broken?), /readyz (is mail taken now?), /metrics, /openapi.json. With the token, and under a name of this listener's own in Host, so that no web page
/// can drive it by a name that it made point here: /queue, /why and /trace, and what is ordered of mail that waits; /abuse, and the lifting of bans.
/// </summary>
internal static class AdminEndpoints
{
    private const string Bearer = "Bearer ";
    private const int UsualItems = 100;
    private const int MostItems = 100_000;

    /// <summary>What serves the listener; <paramref name="metrics"/> answers its scrapes.</summary>
    public static RequestDelegate Create(RelayEngine engine, AdminToken token, string hostname, RequestDelegate metrics) => context =>
    {
        string[] path = (context.Request.Path.Value ?? "").Trim('/').Split('/');
        string method = context.Request.Method;
        (string Method, Func<Task> Answer)? route = (path[0].ToLowerInvariant(), path[1..]) switch
        {
            ("healthz", []) => ("GET", () => AnswerAsync(context, engine.Unhealthy, engine.Degraded)),
            ("readyz", []) => ("GET", () => AnswerAsync(context, engine.IsReady ? null : engine.Unhealthy ?? "stopping")),
            ("metrics", []) => (method, () => metrics(context)),
            ("openapi.json", []) => ("GET", () => OpenApiAsync(context)),
            ("queue", []) => ("GET", May(() => QueueAsync(context, engine))),
            ("queue", [{ Length: > 0 } order]) when HttpMethods.IsPost(method) => ("POST", May(() => MessageEndpoints.OrderAsync(context, engine, order))),
            ("queue", [{ Length: > 0 } id]) => ("GET", May(() => MessageEndpoints.ShowAsync(context, engine, id))),
            ("why", [{ Length: > 0 } id]) => ("GET", May(() => MessageEndpoints.WhyAsync(context, engine, id) ?? WhyAsync(context, engine, id))),
            ("abuse", []) => ("GET", May(() => BansAsync(context, engine))),
            ("abuse", ["lift"]) => ("POST", May(() => LiftAsync(context, engine))),
            ("trace", [{ Length: > 0 } id]) => ("GET", May(() => MessageEndpoints.TraceAsync(context, engine, id))),
            _ => null,
        };
        return route is not { } found ? Refuse(context, StatusCodes.Status404NotFound)
            : found.Method != method ? RefuseMethod(context, found.Method)
            : found.Answer();

        Func<Task> May(Func<Task> answer) => () => MayAsync(context, token, hostname, answer);
    };

    private static Task Refuse(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    private static Task RefuseMethod(HttpContext context, string allowed)
    {
        context.Response.Headers.Allow = allowed;
        return Refuse(context, StatusCodes.Status405MethodNotAllowed);
    }

    private static Task MayAsync(HttpContext context, AdminToken token, string hostname, Func<Task> answer)
    {
        string host = context.Request.Host.Host.Trim('[', ']');
        if (host != "localhost" && !host.Equals(hostname, StringComparison.OrdinalIgnoreCase) && !IPAddress.TryParse(host, out _))
        {
            return FailAsync(context, StatusCodes.Status421MisdirectedRequest, $"\"{host}\" is no name of this listener: use its address, localhost or {hostname}");
        }

        string given = context.Request.Headers.Authorization.ToString();
        if (given.StartsWith(Bearer, StringComparison.Ordinal) && token.Is(given[Bearer.Length..]))
        {
            return answer();
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        return FailAsync(context, StatusCodes.Status401Unauthorized, "this needs the token that stands in the file [admin] names: Authorization: Bearer TOKEN");
    }

    /// <summary>/queue?by=domain|site|tenant&amp;sort=count|name|age|size&amp;limit=N: what waits where. By age and size tenants alone can be sorted: of the others nobody counts them.</summary>
    private static Task QueueAsync(HttpContext context, RelayEngine engine)
    {
        IQueryCollection query = context.Request.Query;
        string by = query["by"].FirstOrDefault() ?? "domain";
        string sort = query["sort"].FirstOrDefault() ?? "count";
        string most = query["limit"].FirstOrDefault() ?? UsualItems.ToString(CultureInfo.InvariantCulture);
        if (by is not ("domain" or "site" or "tenant") || (sort is not ("count" or "name") && (by != "tenant" || sort is not ("age" or "size"))) || !int.TryParse(most, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) || limit is < 1 or > MostItems)
        {
            return FailAsync(context, StatusCodes.Status400BadRequest, string.Create(CultureInfo.InvariantCulture, $"write by=domain, site or tenant, sort=count or name (tenants also by age or size), limit=1 to {MostItems}"));
        }

        int total;
        return by == "tenant" ? TenantsAsync(context, engine, sort, limit)
            : by == "domain"
            ? JsonAsync(context, new AdminList<DestinationStatus>(engine.Destinations(sort == "name", limit, out total), total), AdminJson.Default.Destinations)
            : JsonAsync(context, new AdminList<SiteStatus>(engine.Sites(sort == "name", limit, out total), total), AdminJson.Default.Sites);
    }

    private static async Task TenantsAsync(HttpContext context, RelayEngine engine, string sort, int limit)
    {
        (IReadOnlyList<TenantStatus> tenants, DateTimeOffset asOf) = await engine.TenantsAsync().ConfigureAwait(false);
        IEnumerable<TenantStatus> sorted = sort switch
        {
            "age" => tenants.OrderBy(static t => t.Oldest),
            "size" => tenants.OrderByDescending(static t => t.Octets),
            "name" => tenants,
            _ => tenants.OrderByDescending(static t => t.Messages),
        };
        TenantStatus[] items = [.. (sorted as IOrderedEnumerable<TenantStatus>)?.ThenBy(static t => t.Name, StringComparer.Ordinal) ?? sorted.OrderBy(static t => t.Name, StringComparer.Ordinal)];
        await JsonAsync(context, new AdminList<TenantStatus>([.. items.Take(limit)], items.Length, asOf), AdminJson.Default.Tenants).ConfigureAwait(false);
    }

    /// <summary>/abuse?limit=N: who is banned.</summary>
    private static Task BansAsync(HttpContext context, RelayEngine engine)
    {
        string most = context.Request.Query["limit"].FirstOrDefault() ?? UsualItems.ToString(CultureInfo.InvariantCulture);
        if (!int.TryParse(most, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) || limit is < 1 or > MostItems)
        {
            return FailAsync(context, StatusCodes.Status400BadRequest, string.Create(CultureInfo.InvariantCulture, $"write limit=1 to {MostItems}"));
        }

        IReadOnlyList<BanStatus> bans = engine.Bans();
        return JsonAsync(context, new AdminList<BanStatus>([.. bans.Take(limit)], bans.Count), AdminJson.Default.Bans);
    }

    /// <summary>POST /abuse/lift?address=ADDRESS|NETWORK|all&amp;who=NAME: lifts bans, and says how many.</summary>
    private static Task LiftAsync(HttpContext context, RelayEngine engine)
    {
        string address = context.Request.Query["address"].FirstOrDefault() ?? "";
        string what = address.Split('/')[0];
        if (address != "all" && !IPAddress.TryParse(what, out _))
        {
            return FailAsync(context, StatusCodes.Status400BadRequest, $"\"{address}\" is nobody's: address is an IP address, a network as it stands in the list of bans, or all");
        }

        string who = $"{context.Request.Query["who"].FirstOrDefault() ?? "somebody"} at {context.Connection.RemoteIpAddress}";
        int lifted = engine.LiftBan(address == "all" ? null : address, who);
        return lifted == 0 && address != "all"
            ? FailAsync(context, StatusCodes.Status404NotFound, $"{address} isn't banned{(engine.Bans().Any(b => b.Address.Contains('/', StringComparison.Ordinal) && IPAddress.TryParse(address, out IPAddress? one) && IPNetwork.Parse(b.Address).Contains(one)) ? ", but its network is: lift that" : "")}")
            : JsonAsync(context, new AdminLift(lifted), AdminJson.Default.AdminLift);
    }

    /// <summary>/why/DOMAIN: what waits for it, and what holds it back.</summary>
    private static Task WhyAsync(HttpContext context, RelayEngine engine, string name)
    {
        string domain = name.ToLowerInvariant();
        return engine.Why(domain, out SiteStatus? site) is not { } found
            ? FailAsync(context, StatusCodes.Status404NotFound, $"nothing waits for {domain}, and nothing was sent there lately")
            : JsonAsync(context, new AdminWhy(found, site), AdminJson.Default.AdminWhy);
    }

    private static async Task OpenApiAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        using Stream description = typeof(AdminEndpoints).Assembly.GetManifestResourceStream("Relay.openapi.json")!;
        await description.CopyToAsync(context.Response.Body, context.RequestAborted).ConfigureAwait(false);
    }

    public static Task FailAsync(HttpContext context, int status, string what)
    {
        context.Response.StatusCode = status;
        return JsonAsync(context, new AdminError(what), AdminJson.Default.AdminError);
    }

    public static Task JsonAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        return JsonSerializer.SerializeAsync(context.Response.Body, value, type, context.RequestAborted);
    }

    private static Task AnswerAsync(HttpContext context, string? trouble, string? degraded = null)
    {
        context.Response.StatusCode = trouble is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync((trouble ?? (degraded is null ? "ok" : $"degraded: {degraded}")) + "\n", context.RequestAborted);
    }
}
