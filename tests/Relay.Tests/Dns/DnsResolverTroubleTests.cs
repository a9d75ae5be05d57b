using System.Net;
using Microsoft.Extensions.Time.Testing;
using Relay.Dns;
using static Relay.Tests.Dns.StubReply;

namespace Relay.Tests.Dns;

/// <summary>Servers that lie, refuse, truncate or say nothing: never a wrong answer, never a permanent failure, never longer than the limit.</summary>
public sealed class DnsResolverTroubleTests
{
    private static readonly IPAddress One = IPAddress.Parse("192.0.2.1");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task An_answer_to_another_name_is_not_believed()
    {
        await using var server = new StubServer(q =>
            new StubReply(q.Bytes) { Question = QuestionOf("other.example", RecordType.A) }.A("mx.example", 60, "198.51.100.66").ToBytes());
        DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("mx.example", default);
        Assert.Equal(DnsStatus.TemporaryFailure, answer.Status);
        Assert.Contains("another question", answer.Reason, StringComparison.Ordinal);
        Assert.Equal(3, server.Count);
    }

    [Fact]
    public async Task An_answer_about_another_type_is_not_believed()
    {
        // NXDOMAIN to A must not become "no such domain" for MX.
        await using var server = new StubServer(q => new StubReply(q.Bytes) { Code = 3, Question = QuestionOf("example.com", RecordType.A) }.ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).MxAsync("example.com", default)).Status);
    }

    [Fact]
    public async Task An_answer_without_its_question_is_not_believed()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes) { Question = [] }.A("mx.example", 60, "198.51.100.66").ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).Ipv4Async("mx.example", default)).Status);
    }

    [Fact]
    public async Task The_question_may_come_back_in_another_case()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes) { Question = QuestionOf("MX.Example", RecordType.A) }.A("Mx.examplE", 60, "192.0.2.1").ToBytes());
        Assert.Equal([One], (await Resolver(server).Ipv4Async("mx.example", default)).Records);
    }

    [Fact]
    public async Task An_echo_of_the_question_is_no_answer()
    {
        await using var server = new StubServer(q => q.Bytes);
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).MxAsync("example.com", default)).Status);
    }

    [Fact]
    public async Task After_an_answer_with_a_wrong_id_the_server_is_asked_again()
    {
        await using var server = new StubServer(q =>
            new StubReply(q.Bytes) { WrongId = q.Number == 1 ? 1 : 0 }.A("mx.example", 60, q.Number == 1 ? "198.51.100.66" : "192.0.2.1").ToBytes());
        Assert.Equal([One], (await Resolver(server).Ipv4Async("mx.example", default)).Records);
        Assert.Equal(2, server.Count);
    }

    [Fact]
    public async Task A_truncated_answer_is_asked_for_over_TCP()
    {
        await using var server = new StubServer(q => q.OverTcp
            ? new StubReply(q.Bytes).A("mx.example", 60, "192.0.2.1").ToBytes()
            : new StubReply(q.Bytes) { IsTruncated = true }.A("mx.example", 60, "198.51.100.66").ToBytes());
        Assert.Equal([One], (await Resolver(server).Ipv4Async("mx.example", default)).Records);
        Assert.False((await server.NextAsync()).OverTcp);
        Assert.True((await server.NextAsync()).OverTcp);
    }

    [Fact]
    public async Task An_answer_over_TCP_is_held_against_the_question_too()
    {
        await using var server = new StubServer(q => q.OverTcp
            ? new StubReply(q.Bytes) { Question = QuestionOf("other.example", RecordType.A) }.A("mx.example", 60, "198.51.100.66").ToBytes()
            : new StubReply(q.Bytes) { IsTruncated = true }.ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).Ipv4Async("mx.example", default)).Status);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task An_error_of_the_server_is_temporary_and_its_next_one_is_asked(int code)
    {
        await using var refusing = new StubServer(q => new StubReply(q.Bytes) { Code = code }.ToBytes());
        await using var good = new StubServer(q => new StubReply(q.Bytes).A("mx.example", 60, "192.0.2.1").ToBytes());

        DnsAnswer<IPAddress> alone = await Resolver(refusing).Ipv4Async("mx.example", default);
        Assert.Equal(DnsStatus.TemporaryFailure, alone.Status);
        Assert.Contains($"{refusing.EndPoint} answered ", alone.Reason, StringComparison.Ordinal);
        Assert.Equal(1, refusing.Count);

        Assert.Equal([One], (await Resolver(refusing, good).Ipv4Async("mx.example", default)).Records);
    }

    [Fact]
    public async Task An_extended_error_is_an_error()
    {
        await using var server = new StubServer(q => new StubReply(q.Bytes).Opt(extendedCode: 1).ToBytes());
        Assert.Equal(DnsStatus.TemporaryFailure, (await Resolver(server).MxAsync("example.com", default)).Status);
    }

    [Fact]
    public async Task A_silent_server_costs_three_tries_of_five_seconds()
    {
        await using var server = new StubServer(_ => null);
        Task<DnsAnswer<IPAddress>> pending = Resolver(server).Ipv4Async("mx.example", default).AsTask();
        for (int i = 0; i < 3; i++)
        {
            await server.NextAsync();
            Assert.False(pending.IsCompleted);
            _time.Advance(TimeSpan.FromSeconds(5));
        }

        DnsAnswer<IPAddress> answer = await pending.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(DnsStatus.TemporaryFailure, answer.Status);
        Assert.NotEqual("", answer.Reason);
    }

    [Fact]
    public async Task A_silent_server_is_followed_by_the_next_and_asked_last_for_a_while()
    {
        await using var silent = new StubServer(_ => null);
        await using var good = new StubServer(q => new StubReply(q.Bytes).A(q.Name, 60, "192.0.2.1").ToBytes());
        DnsResolver resolver = Resolver(silent, good);

        Task<DnsAnswer<IPAddress>> pending = resolver.Ipv4Async("mx.example", default).AsTask();
        await silent.NextAsync();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal([One], (await pending.WaitAsync(Patience, TestContext.Current.CancellationToken)).Records);

        pending = resolver.Ipv4Async("mx2.example", default).AsTask();
        Assert.Equal([One], (await pending.WaitAsync(Patience, TestContext.Current.CancellationToken)).Records);
        Assert.Equal(1, silent.Count);

        _time.Advance(NameServers.Rest);
        pending = resolver.Ipv4Async("mx3.example", default).AsTask();
        await silent.NextAsync();
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal([One], (await pending.WaitAsync(Patience, TestContext.Current.CancellationToken)).Records);
    }

    [Fact]
    public async Task Many_aliases_of_a_slow_server_take_no_longer_than_the_whole_limit()
    {
        await using var server = new StubServer(q => q.Number % 2 == 0 ? new StubReply(q.Bytes).Cname(q.Name, 60, "a" + q.Name).ToBytes() : null);
        Task<DnsAnswer<IPAddress>> pending = Resolver(server).Ipv4Async("a.example", default).AsTask();
        for (int i = 0; i < 3; i++)
        {
            await server.NextAsync();
            if (i > 0)
            {
                await server.NextAsync();
            }

            _time.Advance(TimeSpan.FromSeconds(5));
        }

        Assert.Equal(DnsStatus.TemporaryFailure, (await pending.WaitAsync(Patience, TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task A_closed_port_is_a_temporary_failure()
    {
        var server = new StubServer(_ => null);
        var resolver = new DnsResolver(new DnsOptions { Servers = [server.EndPoint] }, _time);
        await server.DisposeAsync();
        Task<DnsAnswer<IPAddress>> pending = resolver.Ipv4Async("mx.example", default).AsTask();
        while (!pending.IsCompleted)
        {
            // Whether the system reports the refusal to an unconnected socket is its own affair; the limit holds in either case.
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        Assert.Equal(DnsStatus.TemporaryFailure, (await pending).Status);
    }

    [Fact]
    public async Task Who_cancels_gets_an_exception_and_not_an_answer()
    {
        await using var server = new StubServer(_ => null);
        using var cancel = new CancellationTokenSource();
        Task<DnsAnswer<IPAddress>> pending = Resolver(server).Ipv4Async("mx.example", cancel.Token).AsTask();
        await server.NextAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Garbage_is_a_temporary_failure()
    {
        byte[][] hostile =
        [
            [],
            [0],
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            // A compression pointer to itself, as the question and as an answer.
            [0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 12, 0, 1, 0, 1],
            [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, (byte)'a', 0, 0, 1, 0, 1, 0xC0, 19, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4],
            // Counts that promise more than there is.
            [0x81, 0x80, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 1, (byte)'a', 0, 0, 1, 0, 1],
        ];
        foreach (byte[] bytes in hostile)
        {
            await using var server = new StubServer(q => bytes.Length < 2 ? bytes : [.. q.Bytes[..2], .. bytes]);
            DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("a", default).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
            Assert.Equal(DnsStatus.TemporaryFailure, answer.Status);
            Assert.All(answer.Reason, c => Assert.InRange(c, ' ', '~'));
        }
    }

    [Fact]
    public async Task A_thousand_records_are_not_all_kept()
    {
        await using var server = new StubServer(q =>
        {
            if (!q.OverTcp)
            {
                return new StubReply(q.Bytes) { IsTruncated = true }.ToBytes();
            }

            var reply = new StubReply(q.Bytes);
            for (int i = 0; i < 1000; i++)
            {
                reply.A("mx.example", 60, $"192.0.{i / 250}.{i % 250}");
            }

            return reply.ToBytes();
        });
        DnsAnswer<IPAddress> answer = await Resolver(server).Ipv4Async("mx.example", default);
        Assert.Equal(DnsStatus.Found, answer.Status);
        Assert.Equal(ResponseReader.MaximumRecords, answer.Records.Count);
    }

    private DnsResolver Resolver(params StubServer[] servers) => new(new DnsOptions { Servers = [.. servers.Select(server => server.EndPoint)] }, _time);
}
