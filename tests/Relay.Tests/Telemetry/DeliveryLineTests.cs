using System.Net;
using System.Text;
using System.Text.Json;
using CsCheck;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Telemetry;
using Relay.Testing;

namespace Relay.Tests.Telemetry;

public sealed class DeliveryLineTests
{
    private static readonly DateTimeOffset Noon = new(2026, 5, 4, 14, 0, 0, 7, TimeSpan.FromHours(2));

    [Fact]
    public void A_full_record_has_every_field()
    {
        var record = new DeliveryRecord
        {
            Time = Noon,
            Id = new QueueId(33),
            Event = DeliveryEvent.Deferred,
            Size = 4096,
            Attempt = 2,
            DelayMs = 305_000,
            NextHop = new NextHopInfo("mx.example.net", IPAddress.Parse("2001:db8::1"), 25),
            Source = "192.0.2.1",
            Tls = new TlsInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384", "none"),
            Reply = new PeerReply(451, new EnhancedStatusCode(4, 7, 1), "greylisted <again> & \"later\""),
            Client = "10.0.0.7",
            Hello = "client.example",
            NextAttempt = Noon.AddMinutes(10),
        };
        string line = Format(record, "a+b@example.org"u8, "ü@example.net"u8);
        Assert.Equal("""
            {"time":"2026-05-04T12:00:00.007Z","id":"0000000000011","event":"deferred","from":"a+b@example.org","to":"ü@example.net","size":4096,"attempt":2,"delay_ms":305000,
            "next_hop":{"host":"mx.example.net","address":"2001:db8::1","port":25},"source":"192.0.2.1","tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384","verified":"none"},
            "reply":{"code":451,"enhanced":"4.7.1","text":"greylisted <again> & \"later\""},"client":"10.0.0.7","hello":"client.example","next_attempt":"2026-05-04T12:10:00.007Z"}
            """.ReplaceLineEndings("") + "\n", line);
    }

    [Fact]
    public void What_is_absent_is_left_out()
    {
        string line = Format(new DeliveryRecord { Time = Noon, Id = default, Event = DeliveryEvent.Received, Size = 1 }, ""u8, "b@example.net"u8);
        Assert.Equal("""{"time":"2026-05-04T12:00:00.007Z","id":"0000000000000","event":"received","from":"","to":"b@example.net","size":1,"attempt":0,"delay_ms":0}""" + "\n", line);
    }

    [Theory]
    [InlineData(DeliveryEvent.Received, "received")]
    [InlineData(DeliveryEvent.Delivered, "delivered")]
    [InlineData(DeliveryEvent.Deferred, "deferred")]
    [InlineData(DeliveryEvent.Bounced, "bounced")]
    [InlineData(DeliveryEvent.Expired, "expired")]
    public void An_event_is_written_as_its_name_in_lower_case(DeliveryEvent @event, string word)
    {
        using JsonDocument json = JsonDocument.Parse(Format(new DeliveryRecord { Time = Noon, Id = default, Event = @event }, default, default));
        Assert.Equal(word, json.RootElement.GetProperty("event").GetString());
    }

    [Fact]
    public void Any_octets_and_any_text_make_one_line_of_valid_JSON() => Gen.Select(Gen.Byte.Array[0, 60], Gen.Char.Array[0, 60]).Sample((octets, chars) =>
    {
        string text = new(chars);
        var record = new DeliveryRecord
        {
            Time = Noon,
            Id = default,
            Event = DeliveryEvent.Bounced,
            NextHop = new NextHopInfo(text, null, 25),
            Tls = new TlsInfo(text, text, text),
            Reply = new PeerReply(550, default, text),
            Client = text,
            Hello = text,
        };
        string line = Format(record, octets, octets);
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        Assert.DoesNotContain('\r', line);
        using JsonDocument json = JsonDocument.Parse(line);
        Assert.Equal(Encoding.UTF8.GetString(octets), json.RootElement.GetProperty("to").GetString());
    });

    [Fact]
    public void A_record_allocates_nothing()
    {
        var line = new DeliveryLine();
        var record = new DeliveryRecord
        {
            Time = Noon,
            Id = new QueueId(7),
            Event = DeliveryEvent.Delivered,
            NextHop = new NextHopInfo("mx.example.net", IPAddress.Loopback, 25),
            Reply = new PeerReply(250, new EnhancedStatusCode(2, 0, 0), "ok"),
        };
        Assert.Equal(0, Allocations.Of(() => line.Format(record, "a@example.org"u8, "b@example.net"u8)));
    }

    private static string Format(in DeliveryRecord record, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to) => Encoding.UTF8.GetString(new DeliveryLine().Format(record, from, to));
}
