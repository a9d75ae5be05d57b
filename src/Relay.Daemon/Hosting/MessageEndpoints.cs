using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Relay.Flow;
using Relay.Protocol.Message;
using static Relay.Daemon.Hosting.AdminEndpoints;

namespace Relay.Daemon.Hosting;

/// <summary>What the admin listener answers of single messages, and what it has done with mail that waits.</summary>
internal static class MessageEndpoints
{
    /// <summary>/queue/ID: envelope, header section, and where each recipient stands.</summary>
    public static Task ShowAsync(HttpContext context, RelayEngine engine, string given) =>
        IdOf(given) is not { } id ? FailAsync(context, StatusCodes.Status400BadRequest, NoId(given))
        : engine.Find(id, header: true) is { } message ? JsonAsync(context, message, AdminJson.Default.MessageStatus)
        : FailAsync(context, StatusCodes.Status404NotFound, Unknown(id, engine));

    /// <summary>/why/ID: where each recipient stands. Null when it isn't an id that is asked for; no domain that mail goes to looks like one.</summary>
    public static Task? WhyAsync(HttpContext context, RelayEngine engine, string given) =>
        IdOf(given) is not { } id ? null
        : engine.Find(id, header: false) is { } message ? JsonAsync(context, message, AdminJson.Default.MessageStatus)
        : FailAsync(context, StatusCodes.Status404NotFound, Unknown(id, engine));

    /// <summary>/trace/ID: what the delivery log says of a message.</summary>
    public static async Task TraceAsync(HttpContext context, RelayEngine engine, string given)
    {
        if (IdOf(given) is not { } id)
        {
            await FailAsync(context, StatusCodes.Status400BadRequest, NoId(given)).ConfigureAwait(false);
            return;
        }

        try
        {
            if (await engine.TraceAsync(id, context.RequestAborted).ConfigureAwait(false) is not { } trace)
            {
                await FailAsync(context, StatusCodes.Status404NotFound, "no delivery log is written: [log] deliveries is empty").ConfigureAwait(false);
            }
            else if (trace.Events.Count == 0)
            {
                await FailAsync(context, StatusCodes.Status404NotFound, $"the delivery log says nothing of {id}{(trace.IsComplete ? "" : ", as far as it was read")}").ConfigureAwait(false);
            }
            else
            {
                JsonElement[] events = [.. trace.Events.Select(static e => JsonElement.Parse(e))];
                await JsonAsync(context, new AdminTrace(id.ToString(), trace.IsComplete, events), AdminJson.Default.AdminTrace).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await FailAsync(context, StatusCodes.Status503ServiceUnavailable, $"the delivery log can't be read: {e.Message}").ConfigureAwait(false);
        }
    }

    /// <summary>POST /queue/retry|hold|release|bounce|drop?selector=S&amp;who=NAME: has it done, and says of how many messages.</summary>
    public static async Task OrderAsync(HttpContext context, RelayEngine engine, string name)
    {
        string text = context.Request.Query["selector"].FirstOrDefault() ?? "";
        if (!Enum.GetNames<QueueOrder>().Contains(name, StringComparer.OrdinalIgnoreCase) || !Enum.TryParse(name, ignoreCase: true, out QueueOrder order))
        {
            await FailAsync(context, StatusCodes.Status404NotFound, $"\"{name}\" can't be done: retry, hold, release, bounce and drop can").ConfigureAwait(false);
            return;
        }

        if (!QueueSelector.TryParse(text, out QueueSelector? selector))
        {
            await FailAsync(context, StatusCodes.Status400BadRequest, $"\"{text}\" says of no mail: selector is a queue id, domain:NAME, sender:ADDRESS or all").ConfigureAwait(false);
            return;
        }

        string who = $"{context.Request.Query["who"].FirstOrDefault() ?? "somebody"} at {context.Connection.RemoteIpAddress}";
        OrderAnswer answer = await engine.OrderAsync(order, selector, who, context.RequestAborted).ConfigureAwait(false);
        if (selector.Id is { } id && answer.Messages == 0 && engine.Find(id, header: false) is var message && message is null or { IsParked: true })
        {
            await FailAsync(
                context,
                message is null ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict,
                message is null ? Unknown(id, engine) : $"{id} waits on disk alone: nothing can be done with it until there is room for it in memory").ConfigureAwait(false);
            return;
        }

        await JsonAsync(context, answer, AdminJson.Default.OrderAnswer).ConfigureAwait(false);
    }

    private static QueueId? IdOf(string given) => QueueId.TryParse(given, out QueueId id) ? id : null;

    private static string NoId(string given) => $"\"{given}\" is not a message's id: it has {QueueId.TextLength} letters and digits, as in the 250 to the client";

    private static string Unknown(QueueId id, RelayEngine engine) =>
        $"no message {id} waits" + (engine.IsSearching ? ", as far as the mail of before the start has been found" : $"; what became of one that did: relay trace {id}");
}
