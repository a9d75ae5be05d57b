using BenchmarkDotNet.Attributes;
using Relay.Bench.Data;

namespace Relay.Bench.Session;

/// <summary>Whole transactions on an established session, from MAIL to the 250 that says the spool has the message.</summary>
public class SessionTransactions : SessionBenchmark
{
    private readonly byte[] _small = [.. "Subject: test\r\n\r\nHello\r\n.\r\n"u8];
    private readonly byte[] _data4KiB = [.. Texts.Of(TextKind.Lines, 4096), .. ".\r\n"u8];
    private readonly byte[] _bdat4KiB = [.. "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 4096 LAST\r\n"u8, .. Texts.Of(TextKind.Lines, 4096)];
    private readonly byte[] _ten = [.. "MAIL FROM:<a@example.org>\r\n"u8, .. Enumerable.Range(0, 10).SelectMany(static i => "RCPT TO:<b"u8.ToArray().Append((byte)('0' + i)).Concat("@example.net>\r\n"u8.ToArray())), .. "DATA\r\n"u8];

    [GlobalSetup]
    public void Begin() => Connect();

    /// <summary>MAIL, RCPT and DATA in one write, then a body of one line.</summary>
    [Benchmark(Baseline = true)]
    public void Pipelined() => Send("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"u8, 3, _small);

    [Benchmark]
    public void Pipelined_10_recipients() => Send(_ten, 12, _small);

    [Benchmark]
    public void Data_4KiB() => Send("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"u8, 3, _data4KiB);

    /// <summary>RFC 3030: all of it in one write.</summary>
    [Benchmark]
    public void Bdat_4KiB() => Say(_bdat4KiB, 3, 250);

    private void Send(ReadOnlySpan<byte> envelope, int replies, ReadOnlySpan<byte> data)
    {
        Say(envelope, replies, 354);
        Say(data, 1, 250);
    }
}
