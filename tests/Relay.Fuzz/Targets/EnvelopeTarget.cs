using System.Globalization;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>
/// Blocks that came from a disk: whatever is taken can be walked to its end. And the input as a transaction, the parameters of MAIL on its first line, an address and parameters of RCPT on
/// each of the others: what was put into an envelope comes out of it, each mailbox once.
/// </summary>
internal sealed class EnvelopeTarget : IFuzzTarget
{
    private const Extensions Everything = (Extensions)uint.MaxValue;
    private const int LongestPath = 254;

    private static readonly DateTimeOffset Arrived = new(2026, 11, 25, 8, 0, 0, TimeSpan.Zero);

    public static string Name => "envelope";

    public static IReadOnlyList<string> Tokens =>
    [
        "a@b.example", "A@B.EXAMPLE", "a@B.example", "\n", "\n\n", "\u0001\0\0\0\0\0\0", "\u0002\0\0\0\0\0\0\0\0", "\u0003\0\0\0\0\0\0\u0001t\0\0", "\u0004\0\0\0\0\0\0\0\0\0\0\0", "\u0001", "\u0002", "\u0003", "\0", "@", "\u00C3\u00BC@\u00C3\u00BC.example", "\u0016\0",
        " RET=HDRS", " ENVID=a+2Bb", " AUTH=<>", " BY=-1;NT", " BY=9;R", " HOLDFOR=1", " HOLDUNTIL=2026-11-25T01:02:03Z", " MT-PRIORITY=-9", " REQUIRETLS", " NOTIFY=NEVER", " NOTIFY=DELAY,SUCCESS", " ORCPT=rfc822;a@b",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        bool parsed = Envelope.TryParse(input, out Envelope? block);
        if (parsed)
        {
            Check.Equal(Octets.Text(input), Octets.Text(block!.Bytes), "the block");
            Walk(block);
            Describe(block);
            Check.Equal(block.IsHeld, input[0] == 4, "whether it is held");
            Check.True(block.HoldReason.Length < input.Length, "the reason");
        }

        string[] lines = Octets.Text(input).Split('\n');
        var builder = new EnvelopeBuilder();
        // Twice, because a builder is used for one transaction after the other.
        string described = "";
        for (int round = 0; round < 2; round++)
        {
            described = Build(builder, lines);
        }

        return HashCode.Combine(parsed, parsed ? block!.RecipientCount : 0, lines.Length, described.Length / 4);
    }

    private static string Build(EnvelopeBuilder builder, string[] lines)
    {
        byte[] line = Octets.Of("MAIL FROM:<a@b.example>" + lines[0]);
        Reply? refusal = CommandParser.Parse(line, Everything, out Command command);
        MailParameters mail = refusal is null ? command.Mail : default;
        builder.Begin("a@b.example"u8, mail, Arrived);
        // Anything will do for a name: it is the operator's, not the peer's.
        string tenant = lines.Length % 2 == 0 ? lines[^1][..Math.Min(lines[^1].Length, Envelope.MaximumTenant)] : "";
        if (tenant.Length > 0)
        {
            builder.Belong(Octets.Of(tenant));
        }

        var expected = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string recipient in lines[1..])
        {
            int space = recipient.IndexOf(' ', StringComparison.Ordinal);
            string address = space < 0 ? recipient : recipient[..space];
            address = address[..Math.Min(address.Length, LongestPath)];
            byte[] rcptLine = Octets.Of("RCPT TO:<a@b.example>" + (space < 0 ? "" : recipient[space..]));
            RcptParameters rcpt = CommandParser.Parse(rcptLine, Everything, out Command second) is null ? second.Rcpt : default;
            bool known = !seen.Add(Key(address));
            bool added = builder.TryAdd(Octets.Of(address), rcpt);
            // The oracle can't tell what IDNA makes equal: only ASCII.
            Check.True(known != added || !address.All(char.IsAscii) || address.Contains("xn--", StringComparison.OrdinalIgnoreCase), $"duplicate: {address} is known: {known}, was added: {added}");
            if (added)
            {
                expected.Add($"{address} {rcpt.Notify} {Octets.Text(rcpt.OriginalRecipient)}");
            }
        }

        Envelope envelope = builder.Build();
        Check.True(Envelope.TryParse(envelope.Bytes, out Envelope? read), "an envelope can't be read again");
        Check.Equal("a@b.example", Octets.Text(read!.ReversePath), "reverse-path");
        Check.Equal(string.Join('\n', expected), string.Join('\n', Walk(read)), "recipients");
        Check.Equal(expected.Count, read.RecipientCount, "number of recipients");
        Check.Equal(tenant, Octets.Text(read.Tenant), "tenant");
        string described = Describe(read);
        Check.Equal(Describe(mail), described, "parameters");
        return described;
    }

    private static List<string> Walk(Envelope envelope)
    {
        var recipients = new List<string>();
        Envelope.RecipientEnumerator each = envelope.GetEnumerator();
        while (each.MoveNext())
        {
            recipients.Add($"{Octets.Text(each.Current)} {each.Notify} {Octets.Text(each.OriginalRecipient)}");
        }

        return recipients;
    }

    private static string Describe(Envelope envelope) => string.Create(CultureInfo.InvariantCulture,
        $"{envelope.Body} {envelope.Flags} {envelope.Return} {Octets.Text(envelope.EnvelopeId)} {Octets.Text(envelope.Submitter)} {envelope.DeliverBy:O} {envelope.DeliverByMode} {envelope.DeliverByTrace} {envelope.ReleaseAt:O} {envelope.Priority}");

    private static string Describe(in MailParameters mail)
    {
        EnvelopeFlags flags = (mail.SmtpUtf8 ? EnvelopeFlags.SmtpUtf8 : 0) | (mail.RequireTls ? EnvelopeFlags.RequireTls : 0);
        DateTimeOffset? by = mail.DeliverBy.Mode == DeliverByMode.None ? null : Arrived.AddSeconds(mail.DeliverBy.Seconds);
        DateTimeOffset? release = mail.Hold == default ? null : mail.Hold.Seconds > 0 ? Arrived.AddSeconds(mail.Hold.Seconds) : mail.Hold.Until;
        return string.Create(CultureInfo.InvariantCulture,
            $"{mail.Body} {flags} {mail.Return} {Octets.Text(mail.EnvelopeId)} {Octets.Text(mail.Submitter)} {by:O} {mail.DeliverBy.Mode} {mail.DeliverBy.Trace} {release:O} {mail.Priority ?? 0}");
    }

    private static string Key(string path)
    {
        int at = path.LastIndexOf('@') + 1;
        return path[..at] + path[at..].ToLowerInvariant();
    }
}
