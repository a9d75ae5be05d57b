using System.Diagnostics;
using System.Net;
using SmtpBlaster.Sink;
using SmtpBlaster.Source;
using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Trial;

public sealed class PostfixToolTests
{
    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 3)]
    public async Task Our_source_sends_into_smtp_sink(bool pipelining, int messagesPerConnection)
    {
        string program = Blaster.Tool("smtp-sink", "postfix");
        int port = Blaster.FreePort();
        string[] user = Environment.UserName == "root" ? ["-u", "nobody"] : [];
        using Process sink = Blaster.Start(program, [.. user, $"127.0.0.1:{port}", "100"]);
        try
        {
            await Blaster.ListeningAsync(port);
            SourceOptions options = Blaster.Source(new IPEndPoint(IPAddress.Loopback, port), "uniform:40,100KiB") with { Count = 200, Pipelining = pipelining, MessagesPerConnection = messagesPerConnection };
            SourceResult result = await new SourceRun(options, null, null).RunAsync(TestContext.Current.CancellationToken);
            Assert.Equal((200, 0, 0), (result.Counters.Acknowledged, result.Counters.ConnectionsLost, result.Counters.Transient + result.Counters.Permanent));
            Assert.Empty(result.Missing);
        }
        finally
        {
            sink.Kill();
            await sink.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Smtp_source_sends_into_our_sink(bool connectionsKept)
    {
        string program = Blaster.Tool("smtp-source", "postfix");
        var sink = new SinkRun(Blaster.Sink(), null);
        sink.Start();
        string[] kept = connectionsKept ? ["-d"] : [];
        (int status, _, string errors) = await Blaster.RunAsync(program, [.. kept, "-s", "10", "-m", "300", "-l", "5000", "-r", "3", "-f", "a@x.test", "-t", "b@y.test", $"127.0.0.1:{sink.Addresses[0].Port}"]);
        SinkResult result = await sink.StopAsync();
        Assert.True(status == 0, errors);
        Assert.Equal((300, 900, 300), (result.Counters.Messages, result.Counters.Recipients, result.Counters.Unmarked));
    }
}
