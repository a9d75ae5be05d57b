using Relay.Protocol.Smtp;

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
        builder.Begin([], BodyType.Unspecified, EnvelopeFlags.None);
        Envelope envelope = builder.Build();
        Assert.Equal((0, "", BodyType.Unspecified, EnvelopeFlags.None), (envelope.RecipientCount, envelope.ReversePathText(), envelope.Body, envelope.Flags));
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
}
