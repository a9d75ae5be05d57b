using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Relay.Daemon.Configuration;
using Relay.Daemon.Hosting;
using Relay.Flow;
using static Relay.Daemon.CommandResult;

namespace Relay.Daemon;

/// <summary>`relay queue` and `relay why`: ask the running relay. Exit status: 0 answered, 1 what was asked is wrong or unknown, 2 the relay couldn't be asked.</summary>
internal static class QueueCommands
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static readonly Option<string?> Admin = new("--admin") { Description = "Where the relay's admin listener is, instead of what the configuration says.", HelpName = "ADDRESS:PORT" };

    public static readonly Option<bool> Json = new("--json") { Description = "Prints what the relay answered, as JSON." };

    public static Command Queue(Option<string?> config)
    {
        var by = new Option<string>("--by") { Description = "domain, site or tenant.", DefaultValueFactory = static _ => "domain" };
        by.AcceptOnlyFromAmong("domain", "site", "tenant");
        var sort = new Option<string>("--sort") { Description = "count or name; tenants also by age (of the oldest message) or size.", DefaultValueFactory = static _ => "count" };
        sort.AcceptOnlyFromAmong("count", "name", "age", "size");
        var limit = new Option<int>("--limit") { Description = "So many lines at most.", DefaultValueFactory = static _ => 100 };
        var queue = new Command("queue", "What waits in the running relay, by domain, site or tenant, with what holds it back; and what can be done with it.") { by, sort, limit, Json, Admin, config };
        queue.Add(MessageCommands.Show(config));
        foreach (Command order in MessageCommands.Orders(config))
        {
            queue.Add(order);
        }

        queue.SetAction((parsed, stop) =>
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"/queue?by={parsed.GetValue(by)}&sort={parsed.GetValue(sort)}&limit={parsed.GetValue(limit)}");
            return AskAsync(parsed, config, HttpMethod.Get, path, body => Print(body, parsed.GetValue(by)!), stop);
        });
        return queue;
    }

    public static Command Why(Option<string?> config)
    {
        var subject = new Argument<string>("ID|DOMAIN") { Description = "A message's id, as the client got it in its 250, or the recipients' domain." };
        var why = new Command("why", "Why a message, or mail for a domain, isn't gone: what waits, what holds it back and until when, the last answer, and what the relay has learned of its hosts.") { subject, Json, Admin, config };
        why.SetAction((parsed, stop) => AskAsync(parsed, config, HttpMethod.Get, "/why/" + Uri.EscapeDataString(parsed.GetValue(subject)!), Explain, stop));
        return why;
    }

    /// <summary>Asks the relay, and prints what it answered, or as JSON when that is wanted.</summary>
    public static async Task<int> AskAsync(ParseResult parsed, Option<string?> config, HttpMethod method, string path, Action<string> print, CancellationToken stop)
    {
        ConfigResult result = ConfigFile.Load(ConfigFile.Find(parsed.GetValue(config)));
        if (result.Options is not { } options)
        {
            foreach (ConfigError error in result.Errors)
            {
                await Console.Error.WriteLineAsync(error.ToString()).ConfigureAwait(false);
            }

            return Wrong;
        }

        IPEndPoint admin = options.Admin.EndPoint;
        if (parsed.GetValue(Admin) is { } given && AddressText.ParseEndPoint(given, 1, out admin!) is { } wrong)
        {
            return Fail(Wrong, wrong);
        }

        if (admin.Port == 0)
        {
            return Fail(Wrong, "[admin] address leaves the port to the system: say with --admin what the relay printed when it was ready");
        }

        try
        {
            using var http = new HttpClient { BaseAddress = new Uri($"http://{Reachable(admin)}"), Timeout = Patience };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken.Read(options.Admin.TokenPath));
            using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
            using HttpResponseMessage response = await http.SendAsync(request, stop).ConfigureAwait(false);
            string body = await response.Content.ReadAsStringAsync(stop).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                return Fail(Wrong, JsonSerializer.Deserialize(body, AdminJson.Default.AdminError)?.Error ?? response.ToString());
            }

            if (parsed.GetValue(Json))
            {
                await Console.Out.WriteLineAsync(body).ConfigureAwait(false);
            }
            else
            {
                print(body);
            }

            return Fine;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or HttpRequestException or JsonException || (e is TaskCanceledException && !stop.IsCancellationRequested))
        {
            return Fail(CouldNotRun, $"the relay at {admin} can't be asked: {e.Message}");
        }
    }

    /// <summary>A listener on every address is asked on this machine's own.</summary>
    private static IPEndPoint Reachable(IPEndPoint admin) =>
        admin.Address.Equals(IPAddress.Any) ? new IPEndPoint(IPAddress.Loopback, admin.Port) : admin.Address.Equals(IPAddress.IPv6Any) ? new IPEndPoint(IPAddress.IPv6Loopback, admin.Port) : admin;

    private static void Print(string body, string by)
    {
        if (by == "tenant")
        {
            AdminList<TenantStatus> list = Read(body, AdminJson.Default.Tenants);
            Table(["MESSAGES", "HELD", "OCTETS", "OLDEST", "TENANT"], list.Items.Select(static t => (string[])[Text(t.Messages), Text(t.OnHold), t.Octets.ToString(CultureInfo.InvariantCulture), Time(t.Oldest), t.Name]), list.Total, "tenants");
        }
        else if (by == "site")
        {
            AdminList<SiteStatus> list = Read(body, AdminJson.Default.Sites);
            Table(["READY", "CONNECTIONS", "LIMIT", "HOSTS", "WHY"], list.Items.Select(static s => (string[])[Text(s.Ready), $"{Text(s.Connections)}/{Text(s.Bears)}", s.Limit, s.Hosts, s.Why]), list.Total, "sites");
        }
        else
        {
            AdminList<DestinationStatus> list = Read(body, AdminJson.Default.Destinations);
            Table(["MESSAGES", "LIMIT", "UNTIL", "DOMAIN", "WHY"], list.Items.Select(static d => (string[])[Text(d.Messages), d.Limit, Time(d.Until), d.Name, d.Why]), list.Total, "domains");
        }
    }

    private static void Explain(string body)
    {
        if (MessageCommands.TryExplain(body))
        {
            return;
        }

        AdminWhy why = Read(body, AdminJson.Default.AdminWhy);
        DestinationStatus destination = why.Destination;
        Console.Out.WriteLine($"{destination.Name}: {Text(destination.Messages)} messages; {destination.Limit}: {destination.Why}{(destination.Until is null ? "" : $" (until {Time(destination.Until)})")}");
        if (destination.LastReply is not null)
        {
            Console.Out.WriteLine($"last put off at {Time(destination.LastReplyAt)}, tried again at {Time(destination.NextAttempt)}: {destination.LastReply}");
        }

        if (why.Site is { } site)
        {
            Console.Out.WriteLine($"site {site.Hosts}: {Text(site.Ready)} ready, {Text(site.Connections)} connections, bears {Text(site.Bears)} of {Text(site.Ceiling)}; {site.Limit}: {site.Why}");
            foreach (SiteChange change in site.Changes)
            {
                Console.Out.WriteLine($"  {Time(change.Time)} {Text(change.From)} -> {Text(change.To)}: {change.Saw}");
            }
        }
    }

    public static void Table(string[] head, IEnumerable<string[]> rows, int total, string what)
    {
        string[][] all = [head, .. rows];
        int[] widths = [.. Enumerable.Range(0, head.Length).Select(column => all.Max(row => row[column].Length))];
        foreach (string[] row in all)
        {
            // The last column may be long, and nothing follows it.
            Console.Out.WriteLine(string.Join("  ", row.Select((cell, column) => column == row.Length - 1 ? cell : cell.PadRight(widths[column]))));
        }

        if (total > all.Length - 1)
        {
            Console.Out.WriteLine($"{Text(all.Length - 1)} of {Text(total)} {what}");
        }
    }

    public static T Read<T>(string body, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(body, type) ?? throw new JsonException("the answer is empty");

    public static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    public static string Time(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) ?? "-";
}
