using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Replies;

/// <summary>Replies on their way out: made once, copied each time.</summary>
public class ReplyWriting
{
    private static readonly Reply Ehlo = new(ReplyCode.Completed250, "relay.example.net\nPIPELINING\nSIZE 26214400\n8BITMIME\nSTARTTLS\nENHANCEDSTATUSCODES");

    private readonly DiscardWriter _output = new();

    [Benchmark]
    public void One_line() => _output.Write(Protocol.Smtp.Replies.RecipientOk250.Wire);

    [Benchmark]
    public void Ehlo_of_six_lines() => _output.Write(Ehlo.Wire);
}
