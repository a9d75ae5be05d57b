namespace SmtpBlaster.Tests.Harness;

/// <summary>The built programs, as tests/run.sh and the project's build order leave them.</summary>
internal static class Built
{
    private static readonly string Root = RepositoryRoot();

    public static string Relay { get; } = Path.Combine(Root, "src/Relay.Daemon/bin/Release/net10.0/relay.dll");

    public static string Blaster { get; } = Path.Combine(Root, "loadtest/SmtpBlaster/bin/Release/net10.0/smtp-blaster.dll");

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Relay.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("the tests don't run inside the repository");
    }
}
