namespace Relay.EndToEnd.Tests.Harness;

/// <summary>swaks, the postmaster's hand tool.</summary>
internal static class Swaks
{
    public static Task<ToolProcess> SendAsync(string server, string to, string subject, params string[] options) => ToolProcess.RunAsync(
        Tool.Find("swaks", "swaks"),
        ["--server", server, "--from", "sender@from.test", "--to", to, "--helo", "client.test", "--header", $"Subject: {subject}", "--body", "from swaks", "--timeout", "30s", .. options]);
}
