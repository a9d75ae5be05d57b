using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Relay.Daemon.Hosting;
using Relay.Flow;
using static Relay.Daemon.QueueCommands;

namespace Relay.Daemon;

/// <summary>`relay queue show|retry|hold|release|bounce|drop`, `relay trace`, and `relay why` of a message: ask the running relay about single messages, or have something done with mail that waits.</summary>
internal static class MessageCommands
{
    public static Command Show(Option<string?> config)
    {
        var id = IdArgument();
        var show = new Command("show", "Shows a message that waits: its envelope, its header, and where each recipient stands.") { id, Json, Admin, config };
        show.SetAction((parsed, stop) => AskAsync(parsed, config, HttpMethod.Get, "/queue/" + Uri.EscapeDataString(parsed.GetValue(id)!), Show, stop));
        return show;
    }

    public static Command Trace(Option<string?> config)
    {
        var id = IdArgument();
        var trace = new Command("trace", "Tells what happened to a message, from the delivery log and its rotated files as far as they aren't compressed.") { id, Json, Admin, config };
        trace.SetAction((parsed, stop) => AskAsync(parsed, config, HttpMethod.Get, "/trace/" + Uri.EscapeDataString(parsed.GetValue(id)!), PrintTrace, stop));
        return trace;
    }

    public static IEnumerable<Command> Orders(Option<string?> config) =>
    [
        Order("retry", "Has mail tried now, whatever its time is.", config),
        Order("hold", "Keeps mail from being tried until it is released, over restarts too. It doesn't expire meanwhile.", config),
        Order("release", "Lets held mail be tried again, at once.", config),
        Order("bounce", "Gives mail up, and reports it to its senders as undeliverable.", config, isForGood: true),
        Order("drop", "Gives mail up, and tells nobody but the delivery log.", config, isForGood: true),
    ];

    /// <summary>Prints an answer that is about a message; false when it is about something else.</summary>
    public static bool TryExplain(string body)
    {
        using JsonDocument json = JsonDocument.Parse(body);
        if (!json.RootElement.TryGetProperty("recipients", out _))
        {
            return false;
        }

        MessageStatus message = Read(body, AdminJson.Default.MessageStatus);
        Console.Out.WriteLine($"{message.Id}: from <{message.From}>, {message.Size.ToString(CultureInfo.InvariantCulture)} octets, arrived at {Time(message.Arrived)}, expires at {Time(message.Expires)}{(message.IsParked ? "; waits on disk alone" : "")}");
        PrintRecipients(message);
        return true;
    }

    private static Argument<string> IdArgument() => new("ID") { Description = "The message's id, as the client got it in its 250." };

    private static Command Order(string name, string what, Option<string?> config, bool isForGood = false)
    {
        var yes = new Option<bool>("--yes") { Description = "Needed with all, since nothing brings that mail back." };
        var selector = new Argument<string>("SELECTOR") { Description = "A message's id, domain:NAME (the recipients there), sender:ADDRESS (<> for reports), or all." };
        var order = new Command(name, what) { selector, Json, Admin, config };
        if (isForGood)
        {
            order.Add(yes);
        }

        order.SetAction((parsed, stop) => isForGood && parsed.GetValue(selector) == "all" && !parsed.GetValue(yes)
            ? Task.FromResult(CommandResult.Fail(CommandResult.Wrong, $"{name} all gives all mail up, and nothing brings it back: write --yes too if that is meant"))
            : AskAsync(
                parsed, config, HttpMethod.Post, $"/queue/{name}?selector={Uri.EscapeDataString(parsed.GetValue(selector)!)}&who={Uri.EscapeDataString(Environment.UserName)}", body => PrintAnswer(name, body), stop));
        return order;
    }

    private static void PrintAnswer(string order, string body)
    {
        OrderAnswer answer = Read(body, AdminJson.Default.OrderAnswer);
        Console.Out.WriteLine($"{order}: {answer.Messages.ToString(CultureInfo.InvariantCulture)} messages" +
            (answer.Parked > 0 ? $"; {answer.Parked.ToString(CultureInfo.InvariantCulture)} that wait on disk alone were not looked at" : "") +
            (answer.Failure is null ? "" : $"; a restart may forget it, because it can't be written down: {answer.Failure}"));
    }

    private static void Show(string body)
    {
        MessageStatus message = Read(body, AdminJson.Default.MessageStatus);
        foreach ((string name, string? value) in (ReadOnlySpan<(string, string?)>)[
            ("id", message.Id), ("from", $"<{message.From}>"), ("arrived", Time(message.Arrived)), ("expires", Time(message.Expires)), ("size", message.Size.ToString(CultureInfo.InvariantCulture)), ("client", message.Client),
            ("tenant", message.Tenant), ("body", message.Body), ("parked", message.IsParked ? "yes: it waits on disk alone" : null), ("ret", message.Return), ("envid", message.EnvelopeId),
            ("by", message.DeliverBy is null ? null : $"{Time(message.DeliverBy)} {message.DeliverByMode}"), ("release", message.ReleaseAt is null ? null : Time(message.ReleaseAt)),
            ("priority", message.Priority == 0 ? null : Text(message.Priority))])
        {
            if (value is not null)
            {
                Console.Out.WriteLine($"{name,-9} {value}");
            }
        }

        PrintRecipients(message);
        if (message.Header is { } header)
        {
            Console.Out.WriteLine();
            Console.Out.Write(Printable(header.ReplaceLineEndings("\n")));
            Console.Out.WriteLine(message.IsHeaderCut ? "[…]" : "");
        }
    }

    private static void PrintRecipients(MessageStatus message)
    {
        foreach (RecipientStatus r in message.Recipients)
        {
            Console.Out.WriteLine($"to <{r.Address}>: {r.State}, {Text(r.Attempts)} attempts{(r.NextAttempt is null ? "" : $", next at {Time(r.NextAttempt)}")}{(r.Notify is null ? "" : $", notify={r.Notify}")}{(r.OriginalRecipient is null ? "" : $", orcpt={r.OriginalRecipient}")}");
            Console.Out.WriteLine($"   {r.Limit}: {r.Why}{(r.Until is null ? "" : $" (until {Time(r.Until)})")}");
            if (r.Destination is not null)
            {
                Console.Out.WriteLine($"   destination {r.Destination}{(r.Site is null ? "" : $", site {r.Site}")}{(r.LastReply is null ? "" : $"; last put off at {Time(r.LastReplyAt)}: {r.LastReply}")}");
            }
        }
    }

    private static void PrintTrace(string body)
    {
        AdminTrace trace = Read(body, AdminJson.Default.AdminTrace);
        Table(["TIME", "EVENT", "ATTEMPT", "TO", "WHERE", "REPLY"], trace.Events.Select(static e => (string[])[Member(e, "time"), Member(e, "event"), Member(e, "attempt"), Member(e, "to"), Where(e), Reply(e)]), trace.Events.Count, "events");
        if (!trace.Complete)
        {
            Console.Out.WriteLine("There may be more: the search in the delivery log is bounded.");
        }
    }

    private static string Where(JsonElement e) => e.TryGetProperty("next_hop", out JsonElement hop) ? $"{Member(hop, "host")}:{Member(hop, "port")}" : Member(e, "client");

    private static string Reply(JsonElement e) =>
        e.TryGetProperty("reply", out JsonElement reply) ? string.Join(' ', ((string[])[Member(reply, "code"), Member(reply, "enhanced"), Member(reply, "text")]).Where(static p => p is not ("-" or "0"))) : "-";

    private static string Member(JsonElement e, string name) => e.TryGetProperty(name, out JsonElement value) ? Printable(value.ToString()) : "-";

    /// <summary>What a sender wrote shall not drive the terminal.</summary>
    private static string Printable(string text) => string.Create(text.Length, text, static (into, from) =>
    {
        for (int i = 0; i < from.Length; i++)
        {
            into[i] = char.IsControl(from[i]) && from[i] is not ('\n' or '\t') ? '?' : from[i];
        }
    });
}
