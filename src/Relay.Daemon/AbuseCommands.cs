using System.CommandLine;
using System.Globalization;
using Relay.Daemon.Hosting;
using Relay.Flow.Abuse;
using static Relay.Daemon.QueueCommands;

namespace Relay.Daemon;

/// <summary>`relay abuse list|lift`: asks the running relay who is banned, and lifts bans. Exit status: 0 answered, 1 what was asked is wrong or unknown, 2 the relay couldn't be asked.</summary>
internal static class AbuseCommands
{
    public static Command Create(Option<string?> config)
    {
        var limit = new Option<int>("--limit") { Description = "So many lines at most.", DefaultValueFactory = static _ => 100 };
        var list = new Command("list", "Who is banned now, since when and until when, and what for.") { limit, Json, Admin, config };
        list.SetAction((parsed, stop) => AskAsync(parsed, config, HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"/abuse?limit={parsed.GetValue(limit)}"), Print, stop));
        var address = new Argument<string>("ADDRESS|all") { Description = "An address or a network, as the list has it, or all." };
        var lift = new Command("lift", "Lifts a ban, or all, and forgets what was counted for it.") { address, Json, Admin, config };
        lift.SetAction((parsed, stop) => AskAsync(
            parsed,
            config,
            HttpMethod.Post,
            $"/abuse/lift?address={Uri.EscapeDataString(parsed.GetValue(address)!)}&who={Uri.EscapeDataString(Environment.UserName)}",
            static body => Console.Out.WriteLine($"lifted {Text(Read(body, AdminJson.Default.AdminLift).Lifted)}"),
            stop));
        return new Command("abuse", "Who is banned by the running relay, and the lifting of bans.") { list, lift };
    }

    private static void Print(string body)
    {
        AdminList<BanStatus> bans = Read(body, AdminJson.Default.Bans);
        Table(["ADDRESS", "SINCE", "UNTIL", "COUNT", "BANS", "REASON"], bans.Items.Select(static b => (string[])[b.Address, Time(b.Since), Time(b.Until), Text(b.Count), Text(b.Bans), b.Reason]), bans.Total, "bans");
    }
}
