using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Replies;

/// <summary>A server's replies, read. The text of a reply is a string of its own: that is what is allocated.</summary>
public class ReplyReading
{
    private static readonly byte[] Accepted = "250 2.1.5 recipient ok\r\n"u8.ToArray();
    private static readonly byte[] Offer = "250-relay.example.net\r\n250-PIPELINING\r\n250-SIZE 26214400\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES\r\n"u8.ToArray();
    private static readonly ReadOnlySequence<byte> Line = new(Accepted);
    private static readonly ReadOnlySequence<byte> Ehlo = new(Offer);
    private static readonly ReadOnlySequence<byte> EhloInPieces = Segments.Cut(Offer, 16);

    [Benchmark]
    public PeerReply One_line()
    {
        ReadOnlySequence<byte> buffer = Line;
        ReplyReader.TryRead(ref buffer, out PeerReply reply);
        return reply;
    }

    [Benchmark]
    public ServerExtensions Ehlo_of_six_lines() => Read(Ehlo);

    [Benchmark]
    public ServerExtensions Ehlo_in_pieces_of_16() => Read(EhloInPieces);

    private static ServerExtensions Read(ReadOnlySequence<byte> buffer)
    {
        ReplyReader.TryReadEhlo(ref buffer, out _, out ServerExtensions extensions);
        return extensions;
    }
}
