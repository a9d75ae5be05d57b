using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using SmtpBlaster.Net;
using SmtpBlaster.Report;

namespace SmtpBlaster.Sink;

/// <summary>
/// What a client says, command by command, into replies: no sockets, no clock. Not a judge of syntax: what it doesn't understand is refused, what it understands is taken. A session has one, for one connection after the other.
/// </summary>
internal sealed class SinkDialogue(SinkWorker worker, SinkReplies replies)
{
    private const int MaximumLine = 64 * 1024;

    private readonly SinkOptions _options = worker.Options;
    private readonly SinkTransaction _transaction = new(worker, replies);
    private bool _isTls;

    /// <summary>Nothing is under way.</summary>
    public bool IsIdle => !_transaction.IsOpen;

    public void Begin()
    {
        _transaction.Reset();
        _isTls = false;
    }

    /// <summary>All that was said in clear is forgotten (RFC 3207 §4.2).</summary>
    public void OnTls()
    {
        _transaction.Reset();
        _isTls = true;
    }

    /// <summary>Takes what was received, until something must happen before the rest (<see cref="SinkReplies.IsFull"/>). Gives how much it used; what it didn't use it wants again in front of what comes next.</summary>
    public int Take(ReadOnlySpan<byte> data)
    {
        int at = 0;
        while (at < data.Length && !replies.IsFull)
        {
            int used = _transaction.WantsContent ? _transaction.Take(data[at..]) : TakeCommand(data[at..]);
            if (used == 0)
            {
                break;
            }

            at += used;
        }

        // RFC 3207 §4.2, and RFC 5321 §4.1.1.10: nothing that was said in the same breath counts.
        return replies.StartsTls || replies.Ends ? data.Length : at;
    }

    /// <summary>0: the line isn't complete.</summary>
    private int TakeCommand(ReadOnlySpan<byte> data)
    {
        int length = data.IndexOf((byte)'\n') + 1;
        if (length > MaximumLine || (length == 0 && data.Length >= MaximumLine))
        {
            replies.Say(Stage.Quit, "500 5.5.2 line too long\r\n"u8);
            replies.Ends = true;
            return length;
        }

        if (length == 0)
        {
            return 0;
        }

        ReadOnlySpan<byte> line = data[..length].TrimEnd("\r\n"u8);
        if (line.Length < 4)
        {
            replies.Say(Stage.Quit, "500 5.5.2 unknown command\r\n"u8);
            return length;
        }

        // Four letters as a number, in upper case.
        switch (BinaryPrimitives.ReadUInt32BigEndian(line) & 0xdfdfdfdf)
        {
            case ('M' << 24) | ('A' << 16) | ('I' << 8) | 'L':
                _transaction.OnMail();
                break;
            case ('R' << 24) | ('C' << 16) | ('P' << 8) | 'T':
                _transaction.OnRcpt(line);
                break;
            case ('D' << 24) | ('A' << 16) | ('T' << 8) | 'A':
                _transaction.OnData();
                break;
            case ('B' << 24) | ('D' << 16) | ('A' << 8) | 'T':
                OnChunk(line);
                break;
            case ('E' << 24) | ('H' << 16) | ('L' << 8) | 'O' when !_options.Lmtp:
            case ('L' << 24) | ('H' << 16) | ('L' << 8) | 'O' when _options.Lmtp:
                _transaction.Reset();
                replies.Answer(Stage.Ehlo, default, Extensions());
                break;
            case ('H' << 24) | ('E' << 16) | ('L' << 8) | 'O' when !_options.Lmtp:
                _transaction.Reset();
                replies.Answer(Stage.Ehlo, default, "250 Ok\r\n"u8);
                break;
            case ('R' << 24) | ('S' << 16) | ('E' << 8) | 'T':
                _transaction.Reset();
                replies.Say(Stage.Reset, "250 2.0.0 Ok\r\n"u8);
                break;
            case ('N' << 24) | ('O' << 16) | ('O' << 8) | 'P':
                replies.Say(Stage.Reset, "250 2.0.0 Ok\r\n"u8);
                break;
            case ('Q' << 24) | ('U' << 16) | ('I' << 8) | 'T':
                _transaction.Reset();
                replies.Say(Stage.Quit, "221 2.0.0 Bye\r\n"u8);
                replies.Ends = true;
                break;
            case ('S' << 24) | ('T' << 16) | ('A' << 8) | 'R' when _options.Tls == TlsMode.StartTls && !_isTls:
                replies.Say(Stage.StartTls, "220 2.0.0 Go ahead\r\n"u8);
                replies.StartsTls = true;
                break;
            default:
                replies.Say(Stage.Quit, "500 5.5.2 unknown command\r\n"u8);
                break;
        }

        return length;
    }

    /// <summary>RFC 3030 §2: <c>"BDAT" SP chunk-size [ SP "LAST" ]</c>.</summary>
    private void OnChunk(ReadOnlySpan<byte> line)
    {
        if (line.Length < 6 || !Utf8Parser.TryParse(line[5..], out long size, out int digits) || size < 0)
        {
            // How long the chunk is, nobody knows.
            replies.Say(Stage.Data, "501 5.5.4 BDAT wants a size\r\n"u8);
            replies.Ends = true;
            return;
        }

        _transaction.OnChunk(size, Ascii.EqualsIgnoreCase(line[(5 + digits)..].Trim((byte)' '), "LAST"u8));
    }

    private byte[] Extensions()
    {
        var text = new StringBuilder($"250-{_options.Hostname}\r\n");
        text.Append(_options.Pipelining ? "250-PIPELINING\r\n" : "");
        text.Append(_options.Chunking ? "250-CHUNKING\r\n250-BINARYMIME\r\n" : "");
        text.Append(_options.Tls == TlsMode.StartTls && !_isTls ? "250-STARTTLS\r\n" : "");
        text.Append("250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n");
        return Encoding.ASCII.GetBytes(text.ToString());
    }
}
