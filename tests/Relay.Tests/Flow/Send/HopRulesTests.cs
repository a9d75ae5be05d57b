using System.Buffers;
using System.Text;
using Relay.Flow;
using Relay.Flow.Queue;
using Relay.Flow.Send;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Tests.Flow.Send;

public class HopRulesTests
{
    private const long Size = 1234;

    private const Extensions All = Extensions.Pipelining | Extensions.Size | Extensions.EightBitMime | Extensions.SmtpUtf8 | Extensions.Chunking | Extensions.BinaryMime |
        Extensions.DeliverBy | Extensions.FutureRelease | Extensions.MtPriority | Extensions.Auth | Extensions.Dsn | Extensions.RequireTls;

    private static readonly DateTimeOffset Arrived = DateTimeOffset.UnixEpoch.AddDays(20000);

    [Fact]
    public void A_server_with_every_extension_is_given_everything()
    {
        foreach (string parameters in (string[])["", "BODY=8BITMIME", "BODY=BINARYMIME", "SMTPUTF8", "BY=60;R", "BY=-60;N", "MT-PRIORITY=4"])
        {
            Assert.Null(HopRules.Refusal(Message(parameters, flags: EnvelopeFlags.EightBit | (parameters == "BODY=BINARYMIME" ? EnvelopeFlags.Binary : 0)), Size, Server(All), isProven: false));
        }
    }

    [Theory]
    [InlineData(Size - 1, true)]
    [InlineData(Size, false)]
    [InlineData(0L, false)]
    [InlineData(null, false)]
    public void A_message_larger_than_the_named_limit_is_not_tried(long? limit, bool refused) =>
        Assert.Equal(refused ? "5.3.4" : null, Status(Message(), new ServerExtensions(All, limit)));

    [Theory]
    [InlineData("jos\u00e9@source.example", "u@dest.example", "SMTPUTF8", EnvelopeFlags.None, true)]
    [InlineData("a@source.example", "jos\u00e9@dest.example", "SMTPUTF8", EnvelopeFlags.None, true)]
    [InlineData("a@source.example", "u@dest.example", "SMTPUTF8", EnvelopeFlags.EightBit, true)]
    [InlineData("a@source.example", "u@dest.example", "SMTPUTF8", EnvelopeFlags.None, false)]
    [InlineData("a@source.example", "u@dest.example", "", EnvelopeFlags.EightBit, false)]
    public void G11_an_internationalized_message_goes_to_no_server_without_SMTPUTF8(string sender, string recipient, string parameters, EnvelopeFlags flags, bool refused)
    {
        QueuedMessage message = Message(parameters, sender, recipient, flags);
        Assert.Equal(refused ? "5.6.7" : null, Status(message, Server(All & ~Extensions.SmtpUtf8)));
        Assert.Null(Status(message, Server(All)));
    }

    [Fact]
    public void G11_only_the_recipients_that_go_to_this_server_count()
    {
        var envelope = new EnvelopeBuilder();
        envelope.Begin("a@source.example"u8, BodyType.Unspecified, EnvelopeFlags.SmtpUtf8);
        envelope.TryAdd("u@dest.example"u8);
        envelope.TryAdd(Encoding.UTF8.GetBytes("jos\u00e9@other.example"));
        Envelope both = envelope.Build();
        Assert.Null(Status(Queued(both, 0), Server(All & ~Extensions.SmtpUtf8)));
        Assert.Equal("5.6.7", Status(Queued(both, 1), Server(All & ~Extensions.SmtpUtf8)));
    }

    [Theory]
    [InlineData("BODY=8BITMIME", EnvelopeFlags.None)]
    [InlineData("", EnvelopeFlags.EightBit)]
    [InlineData("BODY=8BITMIME", EnvelopeFlags.EightBit)]
    public void G12_octets_above_127_go_to_no_server_without_8BITMIME(string parameters, EnvelopeFlags flags)
    {
        Assert.Equal("5.6.3", Status(Message(parameters, flags: flags), Server(All & ~Extensions.EightBitMime)));
        Assert.Null(Status(Message("BODY=7BIT"), Server(All & ~Extensions.EightBitMime)));
    }

    [Theory]
    [InlineData(Extensions.BinaryMime)]
    [InlineData(Extensions.Chunking)]
    public void F16_a_binary_message_goes_to_no_server_without_BINARYMIME_or_CHUNKING(Extensions missing)
    {
        Assert.Equal("5.6.3", Status(Message("BODY=BINARYMIME", flags: EnvelopeFlags.Binary), Server(All & ~missing)));
        // It said it was binary and is made of lines, without octets above 127: any server takes it.
        Assert.Null(Status(Message("BODY=BINARYMIME"), Server(Extensions.None)));
    }

    [Theory]
    [InlineData(true, All, null)]
    [InlineData(false, All, "5.7.10")]
    [InlineData(true, All & ~Extensions.RequireTls, "5.7.30")]
    [InlineData(false, Extensions.None, "5.7.10")]
    public void G19_a_message_that_requires_TLS_goes_only_to_a_proven_server_that_requires_it_in_its_turn(bool isProven, Extensions server, string? refused)
    {
        Assert.Equal(refused, Status(Message("REQUIRETLS"), Server(server), isProven));
        Assert.Null(Status(Message("REQUIRETLS", sender: ""), Server(server), isProven));
    }

    [Fact]
    public void G19_a_delivery_agent_need_not_know_of_REQUIRETLS_since_it_hands_nothing_on()
    {
        Assert.Null(HopRules.Refusal(Message("REQUIRETLS"), Size, Server(Extensions.None), isProven: true, isFinal: true));
        Assert.Equal("5.7.10", HopRules.Refusal(Message("REQUIRETLS"), Size, Server(Extensions.None), isProven: false, isFinal: true)?.Enhanced.ToString());
    }

    [Theory]
    [InlineData("REQUIRETLS", EnvelopeFlags.None, All, " SIZE=1234 REQUIRETLS")]
    [InlineData("", EnvelopeFlags.None, All, " SIZE=1234")]
    [InlineData("BODY=8BITMIME", EnvelopeFlags.None, All, " SIZE=1234 BODY=8BITMIME")]
    [InlineData("", EnvelopeFlags.EightBit, All, " SIZE=1234 BODY=8BITMIME")]
    [InlineData("BODY=BINARYMIME", EnvelopeFlags.Binary, All, " SIZE=1234 BODY=BINARYMIME")]
    [InlineData("SMTPUTF8", EnvelopeFlags.None, All, " SIZE=1234 SMTPUTF8")]
    [InlineData("BY=60;NT MT-PRIORITY=-3", EnvelopeFlags.None, All, " SIZE=1234 BY=50;NT MT-PRIORITY=-3")]
    [InlineData("BY=60;R HOLDFOR=5", EnvelopeFlags.None, All, " SIZE=1234 BY=50;R")]
    [InlineData("RET=HDRS ENVID=x", EnvelopeFlags.None, All, " SIZE=1234 RET=HDRS ENVID=x")]
    [InlineData("RET=HDRS ENVID=x", EnvelopeFlags.None, All & ~Extensions.Dsn, " SIZE=1234")]
    [InlineData("SMTPUTF8 BY=60;N MT-PRIORITY=3", EnvelopeFlags.None, Extensions.None, "")]
    public void MAIL_says_what_the_message_has_and_the_server_offers_and_no_more(string parameters, EnvelopeFlags flags, Extensions server, string said) =>
        Assert.Equal($"MAIL FROM:<a@source.example>{said}\r\n", Mail(Message(parameters, flags: flags), Server(server), Arrived.AddSeconds(10)));

    [Theory]
    [InlineData("BY=60;R", 59.5, 1)]
    [InlineData("BY=60;R", 61, 1)]
    [InlineData("BY=60;N", 60, 0)]
    [InlineData("BY=60;N", 100, -40)]
    [InlineData("BY=-5;N", 1, -6)]
    [InlineData("BY=-999999999;N", 10, -999_999_999)]
    public void BY_names_what_is_left_of_the_time(string parameters, double after, long left) =>
        Assert.Contains($" BY={left};{parameters[^1]}\r\n", Mail(Message(parameters), Server(All), Arrived.AddSeconds(after)), StringComparison.Ordinal);

    [Theory]
    [InlineData(true, All, " AUTH=joe")]
    [InlineData(false, All, "")]
    [InlineData(true, All & ~Extensions.Auth, "")]
    public void The_submitter_is_named_only_where_we_are_authenticated(bool authenticated, Extensions server, string said) =>
        Assert.Equal($"MAIL FROM:<a@source.example> SIZE=1234{said}\r\n", Mail(Message("AUTH=joe"), Server(server), Arrived, authenticated));

    private static ServerExtensions Server(Extensions offered) => new(offered, (offered & Extensions.Size) != 0 ? 0 : null);

    private static string? Status(QueuedMessage message, in ServerExtensions server, bool isProven = false) => HopRules.Refusal(message, Size, server, isProven)?.Enhanced.ToString();

    private static string Mail(QueuedMessage message, in ServerExtensions server, DateTimeOffset now, bool authenticated = false)
    {
        var output = new ArrayBufferWriter<byte>();
        HopRules.WriteMail(output, message, Size, server, authenticated, now);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }

    private static QueuedMessage Message(string parameters = "", string sender = "a@source.example", string recipient = "u@dest.example", EnvelopeFlags flags = EnvelopeFlags.None)
    {
        Assert.Null(CommandParser.Parse(Encoding.UTF8.GetBytes($"MAIL FROM:<{sender}> {parameters}"), All, out Command mail));
        var envelope = new EnvelopeBuilder();
        envelope.Begin(mail.Path, mail.Mail, Arrived);
        envelope.AddFlags(flags);
        envelope.TryAdd(Encoding.UTF8.GetBytes(recipient));
        return Queued(envelope.Build(), 0);
    }

    private static QueuedMessage Queued(Envelope envelope, ushort recipient) =>
        new(new SpooledMessage(new QueueId(1), envelope, Size, Arrived, null, ownFile: false), [recipient], new Destination("dest.example", null));
}
