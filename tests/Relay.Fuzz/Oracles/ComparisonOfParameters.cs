using System.Globalization;
using System.Numerics;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>The values of accepted parameters, compared one by one.</summary>
internal static class ComparisonOfParameters
{
    public static void Compare(SlowParameters oracle, in MailParameters mail)
    {
        string? Given(string keyword) => oracle.Given.GetValueOrDefault(keyword);
        BigInteger size = Given("SIZE") is { } digits ? BigInteger.Parse(digits, CultureInfo.InvariantCulture) : 0;
        Check.Equal((long)BigInteger.Min(size, long.MaxValue), mail.Size, "SIZE");
        Check.Equal(Given("SMTPUTF8") is not null, mail.SmtpUtf8, "SMTPUTF8");
        Check.Equal(Given("REQUIRETLS") is not null, mail.RequireTls, "REQUIRETLS");
        Check.Equal(Given("BODY")?.ToUpperInvariant() switch
        {
            null => BodyType.Unspecified,
            "7BIT" => BodyType.SevenBit,
            "8BITMIME" => BodyType.EightBitMime,
            _ => BodyType.BinaryMime,
        }, mail.Body, "BODY");
        Check.Equal(Given("RET")?.ToUpperInvariant() switch
        {
            null => DsnReturn.Unspecified,
            "FULL" => DsnReturn.Full,
            _ => DsnReturn.Headers,
        }, mail.Return, "RET");
        Check.Equal(Given("ENVID") ?? "", Octets.Text(mail.EnvelopeId), "ENVID");
        Check.Equal(Given("AUTH") ?? "", Octets.Text(mail.Submitter), "AUTH");
        Check.Equal(Given("MT-PRIORITY") is { } priority ? sbyte.Parse(priority, CultureInfo.InvariantCulture) : null, mail.Priority, "MT-PRIORITY");
        Check.Equal(Given("BY") is { } by ? SlowParameters.Seconds(by) : 0, mail.DeliverBy.Seconds, "BY");
        Check.Equal(Given("BY")?.Split(';')[1].ToUpperInvariant() ?? "", mail.DeliverBy.Mode switch
        {
            DeliverByMode.Notify => "N",
            DeliverByMode.Return => "R",
            _ => "",
        } + (mail.DeliverBy.Trace ? "T" : ""), "mode of BY");
        Check.Equal(Given("HOLDFOR") is { } seconds ? long.Parse(seconds, CultureInfo.InvariantCulture) : 0, mail.Hold.Seconds, "HOLDFOR");
        Check.Equal(Given("HOLDUNTIL") is { } until ? SlowParameters.Date(until)!.Value : default, mail.Hold.Until, "HOLDUNTIL");
    }

    public static void Compare(SlowParameters oracle, in RcptParameters rcpt)
    {
        DsnNotify notify = DsnNotify.Unspecified;
        foreach (string word in oracle.Given.GetValueOrDefault("NOTIFY", "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            notify |= Enum.Parse<DsnNotify>(word, ignoreCase: true);
        }

        Check.Equal(notify, rcpt.Notify, "NOTIFY");
        Check.Equal(oracle.Given.GetValueOrDefault("ORCPT", ""), Octets.Text(rcpt.OriginalRecipient), "ORCPT");
    }
}
