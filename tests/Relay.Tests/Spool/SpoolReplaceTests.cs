using System.Net;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>A message that is written again before it is committed: the second content takes the place of the first, wherever either is, and nothing of the first is left.</summary>
public sealed class SpoolReplaceTests
{
    private static readonly byte[] Front = TestSpool.Body(99, 700);

    private readonly FaultyStorage _disk = new();

    [Theory]
    [InlineData(100, 300)]
    [InlineData(100, 400_000)]
    [InlineData(400_000, 100)]
    [InlineData(400_000, 300_000)]
    [InlineData(400_000, 500_000)]
    public async Task The_second_content_is_what_is_stored_and_found_after_a_crash(int first, int second)
    {
        byte[] whole = [.. Front, .. TestSpool.Body(2, second)];
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message;
        using (SpoolTransaction transaction = spool.Spool.Begin())
        {
            await WriteAsync(transaction, TestSpool.Body(1, first));
            using (SpoolTransaction other = spool.Spool.BeginBeside(transaction))
            {
                await WriteAsync(other, whole[700..]);
                await transaction.ReplaceAsync(other);
            }

            Assert.Equal(second, transaction.Length);
            transaction.Prepend(Front);
            CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("to@example.net"), DateTimeOffset.UnixEpoch.AddDays(20000), IPAddress.Loopback);
            Assert.Equal(SpoolFailure.None, result.Failure);
            message = result.Message!;
            Assert.Equal(transaction.Id, message.Id);
        }

        Assert.Equal(whole, spool.Read(message));
        await using TestSpool crashed = TestSpool.Open(_disk.Crash(null));
        Assert.Equal(whole, crashed.Read(Assert.Single(crashed.Recovered).Message));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(700_000)]
    public async Task What_was_written_can_be_read_back_from_anywhere_before_it_is_committed(int length)
    {
        byte[] body = TestSpool.Body(1, length);
        await using TestSpool spool = TestSpool.Open(_disk);
        using SpoolTransaction transaction = spool.Spool.Begin();
        await WriteAsync(transaction, body);
        foreach (int at in (int[])[0, 1, length / 3, length / 2, length - 500])
        {
            byte[] read = new byte[500];
            Assert.True(transaction.TryRead(at, read));
            Assert.Equal(body[at..(at + 500)], read);
        }

        byte[] all = new byte[length];
        Assert.True(transaction.TryRead(0, all));
        Assert.Equal(body, all);
    }

    [Fact]
    public async Task A_message_that_is_to_be_held_is_held_from_its_first_moment_and_after_a_crash_until_it_is_released()
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("from@example.net"u8, BodyType.Unspecified, EnvelopeFlags.None);
        builder.TryAdd("a@example.net"u8);
        builder.TryAdd("b@example.net"u8);
        builder.Hold("a milter: because"u8);
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message = await spool.Store(TestSpool.Body(1, 100), builder.Build());
        Assert.All(MessageSpool.Pending(message), static p => Assert.Equal((RecipientOrder.Hold, false), (p.Order, p.WasOrdered)));

        await using TestSpool crashed = TestSpool.Open(_disk.Crash(null));
        SpooledMessage found = Assert.Single(crashed.Recovered).Message;
        Assert.True(found.Envelope.IsHeld);
        Assert.Equal("a milter: because"u8, found.Envelope.HoldReason);
        Assert.Equal(2, found.Ordered);
        Assert.Equal([1], MessageSpool.Order(found, RecipientOrder.None, static r => r == 1, DateTimeOffset.UnixEpoch.AddDays(20001)));
        Assert.Equal([RecipientOrder.Hold, RecipientOrder.None], MessageSpool.Pending(found).Select(static p => p.Order));
    }

    private static async Task WriteAsync(SpoolTransaction transaction, byte[] body)
    {
        for (int at = 0; at < body.Length;)
        {
            int n = Math.Min(body.Length - at, 8192);
            body.AsSpan(at, n).CopyTo(transaction.GetSpan(n));
            transaction.Advance(n);
            at += n;
            await transaction.FlushAsync();
        }
    }
}
