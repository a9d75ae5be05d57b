using System.Globalization;
using System.Text;
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

    private readonly byte[][] _recipients = [.. Enumerable.Range(0, Commands).Select(static i => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<user{i}@example.net>\r\n")))];

    [IterationSetup]
    public void Begin() => Connect();

    /// <summary>A session that has had as many recipients before: the envelope's buffers are kept from one transaction to the next.</summary>
    [IterationSetup(Target = nameof(Rcpt))]
    public void BeginRecipients()
    {
        Connect();
        Say("MAIL FROM:<a@example.org>\r\n"u8, 1, 250);
        SayRecipients();
        Say("RSET\r\nMAIL FROM:<a@example.org>\r\n"u8, 2, 250);
    }

    /// <summary>The first chunk opens the message in the spool.</summary>
    [IterationSetup(Target = nameof(Bdat_of_16_octets))]
    public void BeginChunks()
    {
        Connect();
        Say("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 16\r\nSubject: chunk\r\n"u8, 3, 250);
    }

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Noop() => SayEach("NOOP\r\n"u8, Commands, 1, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Rset() => SayEach("RSET\r\n"u8, Commands, 1, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Vrfy() => SayEach("VRFY somebody\r\n"u8, Commands, 1, 252);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Ehlo() => SayEach("EHLO client.example\r\n"u8, Commands, 1, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Helo() => SayEach("HELO client.example\r\n"u8, Commands, 1, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Help() => SayEach("HELP\r\n"u8, Commands, 1, 214);

    /// <summary>Of every extension that is offered in clear.</summary>
    [Benchmark(OperationsPerInvoke = Commands / 2)]
    public void Mail_with_parameters_Rset() => SayEach("MAIL FROM:<a@example.org> SIZE=1000 BODY=8BITMIME SMTPUTF8 BY=600;N HOLDFOR=60\r\nRSET\r\n"u8, Commands / 2, 2, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Rcpt() => SayRecipients();

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Bdat_of_16_octets() => SayEach("BDAT 16\r\nsixteen octets\r\n"u8, Commands, 1, 250);

    /// <summary>No login is offered in clear.</summary>
    [Benchmark(OperationsPerInvoke = Commands)]
    public void Auth_refused() => SayEach("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"u8, Commands, 1, 502);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void StartTls_refused() => SayEach("STARTTLS\r\n"u8, Commands, 1, 502);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Unknown_refused() => SayEach("XYZZY\r\n"u8, Commands, 1, 500);

    /// <summary>Two of the three count against the session's patience.</summary>
    [Benchmark(OperationsPerInvoke = Commands / 2)]
    public void Mail_Rcpt_Rset() => SayEach("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nRSET\r\n"u8, Commands / 2, 3, 250);

    [Benchmark(OperationsPerInvoke = Commands)]
    public void Noop_pipelined() => Say(_noops, Commands, 250);

    private void SayRecipients()
    {
        foreach (byte[] recipient in _recipients)
        {
            Say(recipient, 1, 250);
        }
    }

    private void SayEach(ReadOnlySpan<byte> bytes, int times, int replies, int code)
    {
        for (int i = 0; i < times; i++)
        {
            Say(bytes, replies, code);
        }
    }
}
