using Relay.Daemon.Configuration;

namespace Relay.Daemon.Tests.Configuration;

/// <summary>Reads configurations from text; the file is called relay.toml, its folder is /etc/relay unless another one is given.</summary>
internal static class Config
{
    public static ConfigResult Parse(string text, string folder = "/etc/relay", Func<string, string?>? environment = null) =>
        ConfigFile.Parse(text, "relay.toml", folder, environment ?? (static _ => null));

    public static DaemonOptions Valid(string text, string folder = "/etc/relay", Func<string, string?>? environment = null)
    {
        ConfigResult result = Parse(text, folder, environment);
        Assert.Empty(result.Errors);
        return result.Options!;
    }

    public static string[] Errors(string text, string folder = "/etc/relay")
    {
        ConfigResult result = Parse(text, folder);
        Assert.Null(result.Options);
        return [.. result.Errors.Select(static e => e.ToString())];
    }

    /// <summary>The only error there is.</summary>
    public static string Error(string text, string folder = "/etc/relay") => Assert.Single(Errors(text, folder));
}
