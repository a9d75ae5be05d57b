namespace Relay.EndToEnd.Tests.Harness;

/// <summary>RELAY_LONG=1 asks for the long forms: the same tests with ten times the rounds or messages.</summary>
internal static class LongForm
{
    public static bool Wanted { get; } = Environment.GetEnvironmentVariable("RELAY_LONG") == "1";

    public static int Scale(int usual) => Wanted ? usual * 10 : usual;
}
