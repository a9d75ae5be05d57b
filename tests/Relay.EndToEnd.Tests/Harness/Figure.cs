namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A number worth seeing although the test passed: tests/run.sh prints these lines.</summary>
internal static class Figure
{
    public static void Report(string text) => TestContext.Current.TestOutputHelper?.WriteLine($"figure: {text}");
}
