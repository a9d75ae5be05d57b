using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>One SMTP session of a <see cref="ScriptedServer"/>: lenient about what it needs not check, exact about bytes. Used by one thread at a time.</summary>
internal sealed class ScriptedSession(Stream transport, ServerScript script, Action<string> onCommand, Action<ArrivedMessage> onMessage) : IAsyncDisposable
{
    private readonly List<string> _recipients = [];
    private readonly MemoryStream _chunks = new();
    private SslStream? _tls;
    private LineStream _wire = new(transport);
    private string? _sender;

    public async Task RunAsync(CancellationToken cancel)
    {
        await _wire.WriteAsync("220 mx.test ESMTP\r\n", cancel);
        while (await _wire.ReadLineAsync(cancel) is { } line)
        {
            string command = Encoding.Latin1.GetString(line.Span);
            if (script.KeepRecords)
            {
                onCommand(command);
            }

            string verb = command.Split(' ', 2)[0].ToUpperInvariant();
            string? reply = verb switch
            {
                "EHLO" => Greeting(),
                "HELO" => "250 mx.test",
                "MAIL" => Mail(command),
                "RCPT" => Recipient(command),
                "DATA" => await DataAsync(cancel),
                "BDAT" => await ChunkAsync(command, cancel),
                "RSET" => Reset(),
                "NOOP" => "250 2.0.0 OK",
                "STARTTLS" when script.Certificate is not null => await StartTlsAsync(cancel),
                "QUIT" => "221 2.0.0 Bye",
                _ => "502 5.5.1 Not here",
            };
            if (reply is not null)
            {
                await _wire.WriteAsync(reply + "\r\n", cancel);
            }

            if (verb == "QUIT")
            {
                return;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_tls is not null)
        {
            await _tls.DisposeAsync();
        }

        await _chunks.DisposeAsync();
    }

    private string Greeting()
    {
        Reset();
        string tls = script.Certificate is not null && _tls is null ? "250-STARTTLS\r\n" : "";
        string chunking = script.Chunking ? "250-CHUNKING\r\n" : "";
        string utf8 = script.SmtpUtf8 ? "250-SMTPUTF8\r\n" : "";
        string more = string.Concat(script.Keywords.Select(static k => $"250-{k}\r\n"));
        return $"250-mx.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n{tls}{chunking}{utf8}{more}250 SIZE 1000000000";
    }

    private string Mail(string command)
    {
        Reset();
        _sender = command[(command.IndexOf(':', StringComparison.Ordinal) + 1)..];
        return "250 2.1.0 OK";
    }

    private string Recipient(string command)
    {
        string recipient = command[(command.IndexOf(':', StringComparison.Ordinal) + 1)..];
        if (_sender is null)
        {
            return "503 5.5.1 MAIL first";
        }

        string? refusal = script.OnRecipient(recipient);
        if (refusal is null)
        {
            _recipients.Add(recipient);
        }

        return refusal ?? "250 2.1.5 OK";
    }

    private async Task<string> DataAsync(CancellationToken cancel)
    {
        if (_recipients.Count == 0)
        {
            return "503 5.5.1 RCPT first";
        }

        await _wire.WriteAsync("354 Go ahead\r\n", cancel);
        using var content = new MemoryStream();
        while (true)
        {
            ReadOnlyMemory<byte> line = await _wire.ReadLineAsync(cancel) ?? throw new IOException("closed inside DATA");
            if (line.Span is [(byte)'.'])
            {
                return Accept(content.ToArray());
            }

            // RFC 5321 §4.5.2: a leading dot was added on the way.
            content.Write(line.Span[(line.Span is [(byte)'.', ..] ? 1 : 0)..]);
            content.Write("\r\n"u8);
        }
    }

    private async Task<string?> ChunkAsync(string command, CancellationToken cancel)
    {
        string[] words = command.Split(' ');
        byte[] chunk = await _wire.ReadExactlyAsync(int.Parse(words[1], CultureInfo.InvariantCulture), cancel);
        if (_recipients.Count == 0)
        {
            return "503 5.5.1 RCPT first";
        }

        _chunks.Write(chunk);
        return words.Length > 2 ? Accept(_chunks.ToArray()) : "250 2.0.0 OK";
    }

    private string Accept(byte[] content)
    {
        var message = new ArrivedMessage(_sender!, [.. _recipients], content, _tls is not null, Stopwatch.GetTimestamp());
        Reset();
        string? refusal = script.OnMessage(message);
        if (refusal is null && script.KeepRecords)
        {
            onMessage(message);
        }

        return refusal ?? "250 2.0.0 Got it";
    }

    private string Reset()
    {
        _sender = null;
        _recipients.Clear();
        _chunks.SetLength(0);
        return "250 2.0.0 OK";
    }

    private async Task<string?> StartTlsAsync(CancellationToken cancel)
    {
        await _wire.WriteAsync("220 2.0.0 Go ahead\r\n", cancel);
        _tls = new SslStream(transport, leaveInnerStreamOpen: true);
        await _tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = script.Certificate }, cancel);
        var inside = new LineStream(_tls);
        if (script.KeepsClearText)
        {
            inside.Unread(_wire.Rest.Span);
        }

        _wire = inside;
        Reset();
        return null;
    }
}
