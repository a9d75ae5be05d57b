using System.Net;
using System.Net.Sockets;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A mail server that is dead in one of many ways. Disposing ends it.</summary>
internal sealed class DeadServer : IAsyncDisposable
{
    private const string Silence = "";
    private const string End = "(end)";

    /// <summary>What nobody accepts on; null for other deaths.</summary>
    private readonly TcpListener? _deaf;
    private readonly SessionListener? _listener;
    private readonly Death _death;

    private DeadServer(string address, int port, Death death)
    {
        _death = death;
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        if (death == Death.NeverAccepts)
        {
            _deaf = new TcpListener(endPoint);
            _deaf.Start(1);
        }
        else if (death != Death.Refuses)
        {
            // What fails there is the relay that gave up, or the end of the test.
            _listener = new SessionListener(endPoint, ServeAsync);
        }
    }

    public enum Death
    {
        /// <summary>Nothing listens.</summary>
        Refuses,

        /// <summary>The connection comes about, or not even that, and nobody takes it.</summary>
        NeverAccepts,
        NeverGreets,
        SilentAfterEhlo,

        /// <summary>Offers STARTTLS and says nothing to it.</summary>
        SilentAfterStartTls,

        /// <summary>Answers STARTTLS, and no handshake.</summary>
        SilentInHandshake,
        SilentAfterMail,
        SilentAfterRcpt,
        SilentAfterData,

        /// <summary>Reads nothing behind its 354: the window closes.</summary>
        TakesNoBody,
        SilentAfterBody,
        ClosesAtOnce,

        /// <summary>421 for a greeting.</summary>
        SendsAway,

        /// <summary>554 for a greeting.</summary>
        RefusesService,
        ClosesAfterEhlo,

        /// <summary>451 to every recipient.</summary>
        DefersAll,

        /// <summary>421 to the end of DATA.</summary>
        Drops,
    }

    public static DeadServer Start(string address, int port, Death death) => new(address, port, death);

    public async ValueTask DisposeAsync()
    {
        _deaf?.Stop();
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }
    }

    private async Task ServeAsync(Stream stream, CancellationToken stop)
    {
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { NewLine = "\r\n", AutoFlush = true };
        string greeting = _death switch
        {
            Death.SendsAway => "421 4.3.2 not now",
            Death.RefusesService => "554 5.3.2 no mail here",
            _ => "220 dead ESMTP",
        };
        if (_death == Death.NeverGreets)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
        }

        if (_death == Death.ClosesAtOnce)
        {
            return;
        }

        await writer.WriteLineAsync(greeting.AsMemory(), stop);
        while (greeting[0] == '2' && await reader.ReadLineAsync(stop) is { } line)
        {
            string reply = line[..Math.Min(4, line.Length)].ToUpperInvariant() switch
            {
                "EHLO" => _death == Death.SilentAfterEhlo ? Silence : _death is Death.SilentAfterStartTls or Death.SilentInHandshake ? "250-dead\r\n250 STARTTLS" : "250 dead",
                "STAR" => _death == Death.SilentInHandshake ? "220 go on" : Silence,
                "MAIL" => _death == Death.ClosesAfterEhlo ? End : _death == Death.SilentAfterMail ? Silence : "250 ok",
                "RCPT" => _death == Death.DefersAll ? "451 4.3.0 later" : _death == Death.SilentAfterRcpt ? Silence : "250 ok",
                "DATA" => _death == Death.SilentAfterData ? Silence : "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            if (reply == End)
            {
                return;
            }

            if (reply != Silence)
            {
                await writer.WriteLineAsync(reply.AsMemory(), stop);
            }

            bool body = reply.StartsWith("354", StringComparison.Ordinal);
            while (body && _death != Death.TakesNoBody && await reader.ReadLineAsync(stop) is not (null or "."))
            {
            }

            if (reply == Silence || (body && _death != Death.Drops) || (line.StartsWith("STARTTLS", StringComparison.OrdinalIgnoreCase)))
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop);
            }

            if (body)
            {
                await writer.WriteLineAsync("421 4.3.2 gone".AsMemory(), stop);
                return;
            }

            if (reply.StartsWith("221", StringComparison.Ordinal))
            {
                return;
            }
        }
    }
}
