using System.Text;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

public class EnvelopeTests
{
    private static Envelope Build(string sender, params string[] recipients)
    {
        var builder = new EnvelopeBuilder();
        builder.Begin(Segments.Bytes(sender), BodyType.EightBitMime, EnvelopeFlags.None);
        foreach (string recipient in recipients)
        {
            builder.TryAdd(Segments.Bytes(recipient));
        }

        builder.AddFlags(EnvelopeFlags.HasLeadingDot);
        return builder.Build();
    }

    [Fact]
    public void What_went_in_comes_out_after_a_trip_through_bytes()
    {
        Assert.True(Envelope.TryParse(Build("a@b", "c@d", "\"e f\"@g").Bytes, out Envelope? envelope));
        Assert.Equal(("a@b", 2, "c@d", "\"e f\"@g"), (envelope!.ReversePathText(), envelope.RecipientCount, envelope.RecipientText(0), envelope.RecipientText(1)));
        Assert.Equal((BodyType.EightBitMime, EnvelopeFlags.HasLeadingDot), (envelope.Body, envelope.Flags));
        Assert.Throws<ArgumentOutOfRangeException>(() => envelope.RecipientText(2));
    }

    private static readonly DateTimeOffset Arrived = new(2026, 11, 25, 9, 0, 0, TimeSpan.FromHours(1));

    private static MailParameters Everything => new()
    {
        Size = 7,
        Body = BodyType.BinaryMime,
        SmtpUtf8 = true,
        RequireTls = true,
        Return = DsnReturn.Headers,
        EnvelopeId = "id+2B"u8,
        Submitter = "s@x"u8,
        DeliverBy = new DeliverBy(-5, DeliverByMode.Notify, true),
        Hold = new FutureRelease(60, default),
        Priority = -9,
    };

    private static Envelope BuildWith(in MailParameters parameters)
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("a@b"u8, parameters, Arrived);
        Assert.True(builder.TryAdd("c@d"u8, new RcptParameters { Notify = DsnNotify.Success | DsnNotify.Delay, OriginalRecipient = "rfc822;o@x"u8 }));
        Assert.True(builder.TryAdd("e@f"u8, new RcptParameters { Notify = DsnNotify.Never }));
        Assert.True(builder.TryAdd("g@h"u8));
        Assert.True(builder.TryAdd("i@j"u8, new RcptParameters { OriginalRecipient = "x400;p"u8 }));
        Assert.Equal("c@d", Encoding.ASCII.GetString(builder.FirstRecipient));
        Assert.True(Envelope.TryParse(builder.Build().Bytes, out Envelope? envelope));
        return envelope!;
    }

    [Fact]
    public void Every_parameter_of_MAIL_comes_out_after_a_trip_through_bytes()
    {
        Envelope all = BuildWith(Everything);
        Assert.Equal((DsnReturn.Headers, "id+2B", "s@x", (sbyte)-9), (all.Return, Encoding.ASCII.GetString(all.EnvelopeId), Encoding.ASCII.GetString(all.Submitter), all.Priority));
        Assert.Equal((Arrived.AddSeconds(-5), DeliverByMode.Notify, true, Arrived.AddSeconds(60)), (all.DeliverBy, all.DeliverByMode, all.DeliverByTrace, all.ReleaseAt));
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (all.DeliverBy!.Value.Offset, all.ReleaseAt!.Value.Offset));
        Assert.Equal((BodyType.BinaryMime, EnvelopeFlags.SmtpUtf8 | EnvelopeFlags.RequireTls, "a@b"), (all.Body, all.Flags, all.ReversePathText()));

        Envelope submitter = BuildWith(new MailParameters { Submitter = "<>"u8 });
        Assert.Equal((DsnReturn.Unspecified, "", "<>", (sbyte)0), (submitter.Return, Encoding.ASCII.GetString(submitter.EnvelopeId), Encoding.ASCII.GetString(submitter.Submitter), submitter.Priority));
        Assert.Equal((null, DeliverByMode.None, false, null), (submitter.DeliverBy, submitter.DeliverByMode, submitter.DeliverByTrace, submitter.ReleaseAt));

        Envelope until = BuildWith(new MailParameters { Hold = new FutureRelease(0, Arrived.AddDays(1)) });
        Assert.Equal(Arrived.AddDays(1), until.ReleaseAt);
        Envelope late = BuildWith(new MailParameters { DeliverBy = new DeliverBy(0, DeliverByMode.Notify, false) });
        Assert.Equal((Arrived, DeliverByMode.Notify, false), (late.DeliverBy, late.DeliverByMode, late.DeliverByTrace));
    }

    [Fact]
    public void Every_parameter_of_RCPT_stays_with_its_recipient()
    {
        var read = new List<string>();
        Envelope.RecipientEnumerator recipients = BuildWith(Everything).GetEnumerator();
        while (recipients.MoveNext())
        {
            read.Add($"{Encoding.ASCII.GetString(recipients.Current)} {recipients.Notify} {Encoding.ASCII.GetString(recipients.OriginalRecipient)}");
        }

        Assert.Equal(["c@d Success, Delay rfc822;o@x", "e@f Never ", "g@h Unspecified ", "i@j Unspecified x400;p"], read);
    }

    [Fact]
    public void Without_parameters_an_envelope_is_two_octets_longer_than_in_version_1_and_that_is_still_read()
    {
        Envelope plain = Build("a@b", "c@d", "e@f");
        var builder = new EnvelopeBuilder();
        builder.Begin("a@b"u8, new MailParameters { Body = BodyType.EightBitMime, Size = 5 }, Arrived);
        builder.TryAdd("c@d"u8);
        builder.TryAdd("e@f"u8, default);
        builder.AddFlags(EnvelopeFlags.HasLeadingDot);
        Assert.Equal(plain.Bytes, builder.Build().Bytes);

        byte[] first = [1, 2, 2, 3, 0, .. "a@b"u8, 2, 0, 5, 0, 3, 0, .. "c@d"u8, 5, 0, 3, 0, .. "e@f"u8];
        Assert.Equal(first.Length + 2, plain.Bytes.Length);
        Assert.True(Envelope.TryParse(first, out Envelope? old));
        Assert.Equal(("a@b", "c@d", "e@f", BodyType.EightBitMime, EnvelopeFlags.HasLeadingDot), (old!.ReversePathText(), old.RecipientText(0), old.RecipientText(1), old.Body, old.Flags));
        Assert.Equal((DsnReturn.Unspecified, null, (sbyte)0, 0), (old.Return, old.ReleaseAt, old.Priority, old.EnvelopeId.Length + old.Submitter.Length));
        for (int i = 0; i < first.Length; i++)
        {
            Assert.False(Envelope.TryParse(first.AsSpan(0, i), out _));
        }
    }

    [Fact]
    public void A_tenant_goes_along_and_changes_nothing_of_an_envelope_without_one()
    {
        byte[] plain = BuildWith(Everything).Bytes.ToArray();
        var builder = new EnvelopeBuilder();
        builder.Begin("a@b"u8, Everything, Arrived);
        builder.Belong("shop"u8);
        builder.TryAdd("c@d"u8, new RcptParameters { Notify = DsnNotify.Never });
        byte[] bytes = builder.Build().Bytes.ToArray();
        Assert.True(Envelope.TryParse(bytes, out Envelope? read));
        Assert.Equal("shop"u8, read!.Tenant);
        Assert.Equal(("a@b", "c@d", (sbyte)Everything.Priority!), (read.ReversePathText(), read.RecipientText(0), read.Priority));
        Assert.Equal(DsnNotify.Never, read.NotifyOf(0, out _));
        for (int i = 0; i < bytes.Length; i++)
        {
            Assert.False(Envelope.TryParse(bytes.AsSpan(0, i), out _));
        }

        Assert.Equal(Envelope.CurrentVersion, plain[0]);
        Assert.True(Envelope.TryParse(plain, out Envelope? without));
        Assert.True(without!.Tenant.IsEmpty);
        Assert.Throws<InvalidOperationException>(() => builder.Belong("late"u8));
    }

    [Fact]
    public void A_damaged_block_of_parameters_is_no_envelope()
    {
        byte[] good = BuildWith(Everything).Bytes.ToArray();
        for (int i = 0; i < good.Length; i++)
        {
            Assert.False(Envelope.TryParse(good.AsSpan(0, i), out _));
        }

        // Where the block lies: behind version, body, flags, "a@b" and its length, and the block's own length.
        const int Block = 10;
        foreach ((int at, byte value) in new (int, byte)[] { (0, 3), (1, 3), (2, 2), (3, 10), (3, 246), (11, 0x80), (11, 0x30), (19, 0xFF), (20, 255), (21, 1) })
        {
            byte[] bytes = [.. good];
            bytes[Block + at] = value;
            Assert.False(Envelope.TryParse(bytes, out _), $"{at}={value}");
        }
    }

    [Fact]
    public void C13_G10_an_A_label_is_its_U_label_and_local_parts_stay_apart()
    {
        var builder = new EnvelopeBuilder();
        builder.Begin([], BodyType.Unspecified, EnvelopeFlags.SmtpUtf8);
        Assert.True(builder.TryAdd("a@bücher.example"u8));
        Assert.False(builder.TryAdd("a@xn--bcher-kva.EXAMPLE"u8, new RcptParameters { Notify = DsnNotify.Never }));
        Assert.False(builder.TryAdd("a@BÜCHER.example"u8));
        Assert.True(builder.TryAdd("\u00e9@x.example"u8));
        Assert.True(builder.TryAdd("e\u0301@x.example"u8));
        Assert.True(builder.TryAdd("\"a\"@x.example"u8));
        Assert.True(builder.TryAdd("a@x.example"u8));
        Assert.True(builder.TryAdd("postmaster"u8));
        Assert.False(builder.TryAdd("postmaster"u8));
        Assert.Equal(6, builder.RecipientCount);
        Assert.Equal("a@bücher.example", builder.Build().RecipientText(0));
    }

    [Fact]
    public void K12_thousands_of_recipients_are_each_found_again()
    {
        var builder = new EnvelopeBuilder();
        builder.Begin([], BodyType.Unspecified, EnvelopeFlags.None);
        for (int i = 0; i < 5000; i++)
        {
            Assert.True(builder.TryAdd(Segments.Bytes($"u{i}@x.example"), i % 3 == 0 ? new RcptParameters { Notify = DsnNotify.Never } : default));
            Assert.False(builder.TryAdd(Segments.Bytes($"u{i / 2}@X.example")));
        }

        Envelope envelope = builder.Build();
        Assert.Equal((5000, "u4999@x.example"), (envelope.RecipientCount, envelope.RecipientText(4999)));
    }

    [Fact]
    public void C13_a_recipient_counts_once_whatever_the_case_of_its_domain()
    {
        Envelope envelope = Build("", "a@Example.org", "a@example.ORG", "A@example.org", "a@example.org");
        Assert.Equal((2, ""), (envelope.RecipientCount, envelope.ReversePathText()));
    }

    [Fact]
    public void C15_nothing_of_one_transaction_is_left_in_the_next()
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("a@b"u8, BodyType.EightBitMime, EnvelopeFlags.SmtpUtf8);
        builder.TryAdd("c@d"u8);
        builder.AddFlags(EnvelopeFlags.EightBit);
        builder.Reset();
        Assert.Throws<InvalidOperationException>(() => builder.TryAdd("c@d"u8));
        Assert.Throws<InvalidOperationException>(builder.Build);
        builder.Begin("x@y"u8, Everything, Arrived);
        Assert.True(builder.TryAdd("c@d"u8, new RcptParameters { Notify = DsnNotify.Never }));
        builder.Begin([], BodyType.Unspecified, EnvelopeFlags.None);
        Envelope envelope = builder.Build();
        Assert.Equal((0, "", BodyType.Unspecified, EnvelopeFlags.None), (envelope.RecipientCount, envelope.ReversePathText(), envelope.Body, envelope.Flags));
        Assert.Equal((null, null, DsnReturn.Unspecified), (envelope.DeliverBy, envelope.ReleaseAt, envelope.Return));
        Assert.True(builder.TryAdd("c@d"u8));
    }

    [Fact]
    public void A_damaged_block_is_no_envelope()
    {
        byte[] bytes = Build("a@b", "c@d", "e@f").Bytes.ToArray();
        for (int i = 0; i < bytes.Length; i++)
        {
            Assert.False(Envelope.TryParse(bytes.AsSpan(0, i), out _));
        }

        Assert.False(Envelope.TryParse([.. bytes, 0], out _));
        bytes[0] = 9;
        Assert.False(Envelope.TryParse(bytes, out _));
    }

    [Fact]
    public void Random_damage_never_makes_reading_throw()
    {
        var random = new Random(2);
        byte[] good = Build("sender@example.org", "one@example.org", "two@example.org").Bytes.ToArray();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = [.. good];
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (Envelope.TryParse(bytes, out Envelope? envelope))
            {
                int count = 0;
                foreach (ReadOnlySpan<byte> _ in envelope!)
                {
                    count++;
                }

                Assert.Equal(envelope!.RecipientCount, count);
            }
        }
    }

    [Fact]
    public void An_established_builder_allocates_nothing_until_the_envelope_is_built()
    {
        var builder = new EnvelopeBuilder();
        Assert.Equal(0, Allocations.Of(() =>
        {
            builder.Begin("a@b"u8, Everything, Arrived);
            builder.TryAdd("c@d"u8, new RcptParameters { Notify = DsnNotify.Never });
            builder.TryAdd("e@bücher.example"u8);
        }));
    }
}
