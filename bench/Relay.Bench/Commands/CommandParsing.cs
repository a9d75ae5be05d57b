using System.Buffers;
using BenchmarkDotNet.Attributes;
using Relay.Protocol.Smtp;

namespace Relay.Bench.Commands;

/// <summary>A command line taken out of a buffer and parsed, for each verb and its usual and its worst forms.</summary>
public class CommandParsing
{
    private const Extensions Offered = (Extensions)uint.MaxValue;

    private static readonly ReadOnlySequence<byte> EhloLine = Line("EHLO client.mail.example.org"u8);
    private static readonly ReadOnlySequence<byte> HeloLine = Line("HELO client.mail.example.org"u8);
    private static readonly ReadOnlySequence<byte> MailLine = Line("MAIL FROM:<somebody@mail.example.org>"u8);
    private static readonly ReadOnlySequence<byte> MailParametersLine = Line("MAIL FROM:<somebody@mail.example.org> SIZE=123456 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159 AUTH=<> BY=120;R HOLDFOR=60 MT-PRIORITY=3 REQUIRETLS"u8);
    private static readonly ReadOnlySequence<byte> RcptLine = Line("RCPT TO:<somebody.else@mail.example.net>"u8);
    private static readonly ReadOnlySequence<byte> RcptParametersLine = Line("RCPT TO:<somebody.else@mail.example.net> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;somebody.else+2Btag@mail.example.net"u8);
    private static readonly ReadOnlySequence<byte> RcptUtf8Line = Line("RCPT TO:<b\u00FCcher@b\u00FCcher.example>"u8);
    private static readonly ReadOnlySequence<byte> RcptQuotedLine = Line("RCPT TO:<\"some \\\"body\\\" else\"@[IPv6:2001:db8::192.0.2.1]>"u8);
    private static readonly ReadOnlySequence<byte> DataLine = Line("DATA"u8);
    private static readonly ReadOnlySequence<byte> BdatLine = Line("BDAT 4096 LAST"u8);
    private static readonly ReadOnlySequence<byte> RsetLine = Line("RSET"u8);
    private static readonly ReadOnlySequence<byte> NoopLine = Line("NOOP"u8);
    private static readonly ReadOnlySequence<byte> VrfyLine = Line("VRFY somebody"u8);
    private static readonly ReadOnlySequence<byte> AuthLine = Line("AUTH PLAIN AHNvbWVib2R5AHNlY3JldA=="u8);
    private static readonly ReadOnlySequence<byte> StartTlsLine = Line("STARTTLS"u8);
    private static readonly ReadOnlySequence<byte> QuitLine = Line("QUIT"u8);
    private static readonly ReadOnlySequence<byte> UnknownLine = Line("XYZZY plugh"u8);
    private static readonly ReadOnlySequence<byte> CutLine = Segments.Cut("RCPT TO:<somebody.else@mail.example.net>\r\n"u8.ToArray(), 16);

    private readonly byte[] _scratch = new byte[2048];

    [Benchmark]
    public Verb Ehlo() => Parse(EhloLine);

    [Benchmark]
    public Verb Helo() => Parse(HeloLine);

    [Benchmark]
    public Verb Mail() => Parse(MailLine);

    [Benchmark]
    public Verb Mail_with_all_parameters() => Parse(MailParametersLine);

    [Benchmark]
    public Verb Rcpt() => Parse(RcptLine);

    [Benchmark]
    public Verb Rcpt_with_all_parameters() => Parse(RcptParametersLine);

    [Benchmark]
    public Verb Rcpt_utf8_at_a_U_label() => Parse(RcptUtf8Line);

    [Benchmark]
    public Verb Rcpt_quoted_at_a_literal() => Parse(RcptQuotedLine);

    [Benchmark]
    public Verb Rcpt_in_three_segments() => Parse(CutLine);

    [Benchmark]
    public Verb Data() => Parse(DataLine);

    [Benchmark]
    public Verb Bdat() => Parse(BdatLine);

    [Benchmark]
    public Verb Rset() => Parse(RsetLine);

    [Benchmark]
    public Verb Noop() => Parse(NoopLine);

    [Benchmark]
    public Verb Vrfy() => Parse(VrfyLine);

    [Benchmark]
    public Verb Auth() => Parse(AuthLine);

    [Benchmark]
    public Verb StartTls() => Parse(StartTlsLine);

    [Benchmark]
    public Verb Quit() => Parse(QuitLine);

    [Benchmark]
    public Verb Unknown() => Parse(UnknownLine);

    private static ReadOnlySequence<byte> Line(ReadOnlySpan<byte> command) => new([.. command, (byte)'\r', (byte)'\n']);

    private Verb Parse(ReadOnlySequence<byte> buffer)
    {
        LineReader.TryRead(ref buffer, _scratch, out ReadOnlySpan<byte> line);
        CommandParser.Parse(line, Offered, out Command command);
        return command.Verb;
    }
}
