using System.Net;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>Header fields that are put in front of a body at its end, wherever the body is by then.</summary>
public sealed class SpoolFrontTests
{
    private static readonly byte[] Front = TestSpool.Body(99, 700);

    private readonly FaultyStorage _disk = new();

    [Theory]
    [InlineData(0)]
    [InlineData(3000)]
    [InlineData(4096 - 700)]
    [InlineData((TestSpool.SmallSegment / 4) - 699)]
    [InlineData((TestSpool.SmallSegment / 4) + 1)]
    [InlineData(200_000)]
    [InlineData(1_000_000)]
    public async Task What_was_put_in_front_is_read_first_before_and_after_a_crash_and_a_move(int length)
    {
        byte[] body = TestSpool.Body(1, length);
        byte[] whole = [.. Front, .. body];
        await using (TestSpool spool = TestSpool.Open(_disk))
        {
            SpooledMessage message = await Store(spool, body);
            Assert.Equal(whole.Length, message.Size);
            Assert.Equal(whole, spool.Read(message));
            await using TestSpool crashed = TestSpool.Open(_disk.Crash(null));
            Assert.Equal(whole, crashed.Read(Assert.Single(crashed.Recovered).Message));
            // The segment is emptied and the message moved.
            Segment first = message.Segment!;
            await SpoolRecoveryTests.Fill(spool, 8);
            await SpoolCompactionTests.Sparse(spool, 20);
            await TestSpool.Until(() => message.Segment != first);
            Assert.Equal(whole, spool.Read(message));
        }

        await using TestSpool again = TestSpool.Open(_disk);
        Assert.Equal(whole, again.Read(again.Recovered[0].Message));
    }

    [Theory]
    [InlineData(10, 100)]
    [InlineData(500, 700)]
    [InlineData(699, 701)]
    [InlineData(700, 5000)]
    [InlineData(800, 5000)]
    public async Task A_body_with_its_front_at_the_end_of_its_file_is_read_from_anywhere(int from, int to)
    {
        byte[] whole = [.. Front, .. TestSpool.Body(1, 400_000)];
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message = await Store(spool, whole[700..]);
        using SpoolBody body = spool.Spool.OpenBody(message);
        byte[] read = new byte[to - from];

        Assert.Equal(read.Length, body.Read(from, read));

        Assert.Equal(whole[from..to], read);
        Assert.Equal(0, body.Read(whole.Length, read));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(399_999)]
    [InlineData(400_000)]
    [InlineData(400_699)]
    public async Task Damage_in_either_part_of_such_a_file_is_found_before_the_last_octet_is_given(int at)
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        SpooledMessage message = await Store(spool, TestSpool.Body(1, 400_000));
        _disk.Damage($"{TestSpool.Folder}/{message.Id}.msg", at, 1);

        Assert.Throws<SpoolReadException>(() => spool.Read(message));
    }

    [Fact]
    public async Task Nothing_is_put_in_front_of_what_was_given_up()
    {
        await using TestSpool spool = TestSpool.Open(_disk);
        using SpoolTransaction transaction = spool.Spool.Begin();
        transaction.Abort();
        transaction.Prepend(Front);
        Assert.Equal(0, transaction.Length);
    }

    private static async Task<SpooledMessage> Store(TestSpool spool, byte[] body)
    {
        using SpoolTransaction transaction = spool.Spool.Begin();
        for (int at = 0; at < body.Length;)
        {
            int n = Math.Min(body.Length - at, 8192);
            body.AsSpan(at, n).CopyTo(transaction.GetSpan(n));
            transaction.Advance(n);
            at += n;
            await transaction.FlushAsync();
        }

        transaction.Prepend(Front);
        CommitResult result = await transaction.CommitAsync(TestSpool.Envelope("to@example.net"), DateTimeOffset.UnixEpoch.AddDays(20000), IPAddress.Loopback);
        Assert.Equal(SpoolFailure.None, result.Failure);
        return result.Message!;
    }
}
