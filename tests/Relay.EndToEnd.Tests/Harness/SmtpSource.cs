namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Postfix's load generator. Every recipient gets a number in front, so that each message can be told from the others.</summary>
internal static class SmtpSource
{
    public static async Task SendAsync(string address, int port, int messages, int sessions, int length, string to)
    {
        await using var source = await ToolProcess.RunAsync(
            Tool.Find("smtp-source", "postfix"),
            ["-4", "-d", "-N", "-s", $"{sessions}", "-m", $"{messages}", "-l", $"{length}", "-f", "load@from.test", "-M", "client.test", "-t", to, $"{address}:{port}"],
            within: TimeSpan.FromMinutes(10));
        Assert.True(source.ExitCode == 0, source.Transcript);
    }
}
