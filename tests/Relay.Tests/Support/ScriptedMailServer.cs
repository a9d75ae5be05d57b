using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Flow.Send;

namespace Relay.Tests.Support;

/// <summary>
/// A mail server in memory behind the dialer seam: takes mail, keeps what it took, and answers any command otherwise when told so. <see cref="Answer"/> gets the command
/// line ("CONNECT" for the greeting, "." for the end of the data) and returns the reply, "" to close without one, or null for what a good server would say.
/// </summary>
internal sealed class ScriptedMailServer : IDialer
{
    /// <summary>An answer that never comes, on a connection that stays open.</summary>
    public const string Silence = "(silence)";

    private int _dials;

    public Func<string, string?> Answer { get; set; } = static _ => null;

    /// <summary>As <see cref="Answer"/>, by the address that was connected to; asked first.</summary>
    public Func<IPEndPoint, string, string?> AnswerAt { get; set; } = static (_, _) => null;

    public string[] Extensions { get; set; } = ["PIPELINING", "8BITMIME", "SIZE 1000000", "ENHANCEDSTATUSCODES"];

    /// <summary>Null: every address answers.</summary>
    public Func<IPEndPoint, bool>? Reachable { get; set; }

    /// <summary>Addresses from which nothing ever comes back. Null: none.</summary>
    public Func<IPEndPoint, bool>? Swallows { get; set; }

    public ConcurrentQueue<ReceivedMail> Mail { get; } = new();

    public ConcurrentQueue<string> Commands { get; } = new();

    public int Dials => Volatile.Read(ref _dials);

    /// <summary>From where each connection was made; null where the system may choose.</summary>
    public ConcurrentQueue<IPAddress?> Sources { get; } = new();

    public async ValueTask<Dialed> DialAsync(EndPoint endPoint, IPAddress? from, CancellationToken cancel)
    {
        Interlocked.Increment(ref _dials);
        Sources.Enqueue(from);
        var to = endPoint as IPEndPoint ?? new IPEndPoint(IPAddress.None, 0);
        if (Swallows?.Invoke(to) == true)
        {
            await new TaskCompletionSource().Task.WaitAsync(cancel);
        }

        if (Reachable?.Invoke(to) == false)
        {
            throw new SocketException((int)SocketError.ConnectionRefused);
        }

        var pipes = new DuplexPipes();
        _ = ServeAsync(pipes.Server, to);
        return new Dialed(pipes.Client, from ?? IPAddress.Loopback, new Closing(pipes.Client));
    }

    private async Task ServeAsync(IDuplexPipe pipe, IPEndPoint address)
    {
        using var reader = new StreamReader(pipe.Input.AsStream(), Encoding.Latin1);
        string from = "";
        var recipients = new List<string>();
        if (!await SayAsync(pipe, Answer("CONNECT") ?? "220 scripted ESMTP"))
        {
            return;
        }

        while (await reader.ReadLineAsync() is { } line)
        {
            Commands.Enqueue(line);
            string verb = line.Split(' ')[0].ToUpperInvariant();
            string reply = AnswerAt(address, line) ?? Answer(line) ?? verb switch
            {
                "EHLO" or "LHLO" => string.Join("\r\n", Extensions.Select(static e => "250-" + e).Prepend("250-scripted").Append("250 HELP")),
                "DATA" => recipients.Count > 0 ? "354 go on" : "554 5.5.1 no valid recipients",
                "QUIT" => "221 2.0.0 bye",
                _ => "250 2.0.0 ok",
            };
            bool good = reply.StartsWith('2');
            if (verb is "MAIL" or "RSET" or "EHLO" && good)
            {
                recipients.Clear();
                from = verb == "MAIL" ? Path(line) : "";
            }
            else if (verb == "RCPT" && good)
            {
                recipients.Add(Path(line));
            }

            if (!await SayAsync(pipe, reply))
            {
                return;
            }

            if (verb == "QUIT")
            {
                break;
            }

            if (!reply.StartsWith("354", StringComparison.Ordinal))
            {
                continue;
            }

            var body = new StringBuilder();
            string? text;
            while ((text = await reader.ReadLineAsync()) is not (null or "."))
            {
                body.Append(text.StartsWith('.') ? text[1..] : text).Append("\r\n");
            }

            if (text is null)
            {
                break;
            }

            string end = AnswerAt(address, ".") ?? Answer(".") ?? "250 2.0.0 taken";
            if (end.StartsWith('2') || end.Length == 0)
            {
                Mail.Enqueue(new ReceivedMail(address, from, [.. recipients], body.ToString()));
            }

            recipients.Clear();
            if (!await SayAsync(pipe, end))
            {
                return;
            }
        }

        await pipe.Output.CompleteAsync();
    }

    private static string Path(string line) => line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..line.IndexOf('>', StringComparison.Ordinal)];

    private static async Task<bool> SayAsync(IDuplexPipe pipe, string reply)
    {
        if (reply == Silence)
        {
            return false;
        }

        if (reply.Length == 0)
        {
            await pipe.Output.CompleteAsync();
            await pipe.Input.CompleteAsync();
            return false;
        }

        FlushResult flush = await pipe.Output.WriteAsync(Encoding.Latin1.GetBytes(reply + "\r\n"));
        return !flush.IsCompleted;
    }

    private sealed class Closing(IDuplexPipe pipe) : IDisposable
    {
        public void Dispose()
        {
            pipe.Output.Complete();
            pipe.Input.Complete();
        }
    }
}
