using BenchmarkDotNet.Attributes;

namespace Relay.Bench.Session;

/// <summary>
/// Commands on an established session, each with its reply read by the client. A session bears some hundred commands that bring no mail further, so every iteration has a new one;
/// opening it isn't measured.
/// </summary>
public class SessionCommands : SessionBenchmark
{
    private const int Commands = 90;

    private readonly byte[] _noops = [.. Enumerable.Repeat("NOOP\r\n"u8.ToArray(), Commands).SelectMany(static b => b)];

    [IterationSetup]
    public void Begin() => Connect();

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Noop() => SayEach("NOOP\r\n"u8, Commands, 1, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Rset() => SayEach("RSET\r\n"u8, Commands, 1, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Vrfy() => SayEach("VRFY somebody\r\n"u8, Commands, 1, 252);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Ehlo() => SayEach("EHLO client.example\r\n"u8, Commands, 1, 250);

    /// <summary>Two of the three count against the session's patience.</summary>
    [Benchmark(OperationsPerInvoke = Commands / 2)]
    public void Mail_Rcpt_Rset() => SayEach("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nRSET\r\n"u8, Commands / 2, 3, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Noop_pipelined() => Say(_noops, Commands, 250);

    private void SayEach(ReadOnlySpan<byte> bytes, int times, int replies, int code)
    {
        for (int i = 0; i < times; i++)
        {
            Say(bytes, replies, code);
        }
    }
}
