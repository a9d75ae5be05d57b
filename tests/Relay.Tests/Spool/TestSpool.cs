using System.Buffers;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Tests.Spool;

/// <summary>A spool under test on a given disk, and the short ways to use it.</summary>
internal sealed class TestSpool : IAsyncDisposable
{
    public const string Folder = "/spool";
    public const int SmallSegment = 64 * 1024;

    private TestSpool(MessageSpool spool, IReadOnlyList<RecoveredMessage> recovered)
    {
        Spool = spool;
        Recovered = recovered;
    }

    public MessageSpool Spool { get; }

    public IReadOnlyList<RecoveredMessage> Recovered { get; }

    /// <summary>Opened, the mail of before not looked for yet.</summary>
    public static TestSpool OpenOnly(IStorage disk) =>
        new(MessageSpool.Open(new SpoolOptions { Paths = [Folder], SegmentSize = SmallSegment }, disk, TimeProvider.System, NullLogger.Instance), []);

    public static TestSpool Open(
        IStorage disk, string folder = Folder, int segment = SmallSegment, Func<SpoolOptions, SpoolOptions>? with = null, Action<SpoolBatch>? observer = null)
    {
        var options = new SpoolOptions { Paths = [folder], SegmentSize = segment };
        var spool = MessageSpool.Open(with?.Invoke(options) ?? options, disk, TimeProvider.System, NullLogger.Instance, observer);
        var found = new List<RecoveredMessage>();
        Task recovery = spool.RecoverAsync(
            message =>
            {
                lock (found)
                {
                    found.Add(message);
                }
            }, CancellationToken.None);
        recovery.GetAwaiter().GetResult();
        return new TestSpool(spool, [.. found.OrderBy(m => m.Message.Id)]);
    }

    /// <summary>A spool of several folders.</summary>
    public static TestSpool Open(IStorage disk, params string[] folders) => Open(disk, with: o => o with { Paths = folders });

    public static Envelope Envelope(params string[] recipients)
    {
        var builder = new EnvelopeBuilder();
        builder.Begin("from@example.com"u8, BodyType.SevenBit, EnvelopeFlags.None);
        foreach (string recipient in recipients)
        {
            builder.TryAdd(Encoding.ASCII.GetBytes(recipient));
        }

        return builder.Build();
    }

    /// <summary>A body of a length that can be told from all others.</summary>
    public static byte[] Body(int seed, int length)
    {
        byte[] body = new byte[length];
        new Random(seed).NextBytes(body);
        return body;
    }

    public async Task<CommitResult> TryStore(byte[] body, Envelope? envelope = null, bool mayUseReserve = false)
    {
        using SpoolTransaction transaction = Spool.Begin(mayUseReserve: mayUseReserve);
        for (int at = 0; at < body.Length;)
        {
            int n = Math.Min(body.Length - at, 8192);
            body.AsSpan(at, n).CopyTo(transaction.GetSpan(n));
            transaction.Advance(n);
            at += n;
            await transaction.FlushAsync();
        }

        return await transaction.CommitAsync(envelope ?? Envelope("to@example.net"), DateTimeOffset.UnixEpoch.AddDays(20000), IPAddress.Parse("192.0.2.7"));
    }

    public async Task<SpooledMessage> Store(byte[] body, Envelope? envelope = null)
    {
        CommitResult result = await TryStore(body, envelope);
        Assert.Equal(SpoolFailure.None, result.Failure);
        return result.Message!;
    }

    public byte[] Read(SpooledMessage message)
    {
        using SpoolBody body = Spool.OpenBody(message);
        if (body.TryGetMemory(out ReadOnlySequence<byte> memory))
        {
            return memory.ToArray();
        }

        byte[] all = new byte[body.Length];
        int at = 0;
        while (body.Read(at, all.AsSpan(at, Math.Min(all.Length - at, 10_000))) is var n and > 0)
        {
            at += n;
        }

        Assert.Equal(all.Length, at);
        return all;
    }

    public void Settle(SpooledMessage message, int recipient = 0, RecipientState state = RecipientState.Delivered) =>
        Spool.Update(message, [new RecipientUpdate(recipient, state, 0, default)]);

    /// <summary>Waits for what another thread does.</summary>
    public static Task Until(Func<bool> condition) => Until(() => Task.FromResult(condition()));

    public static async Task Until(Func<Task<bool>> condition)
    {
        long end = Environment.TickCount64 + 20_000;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 < end, "it never happened");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync() => Spool.DisposeAsync();
}
