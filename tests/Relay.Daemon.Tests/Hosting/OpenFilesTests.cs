using Relay.Daemon.Hosting;

namespace Relay.Daemon.Tests.Hosting;

public sealed class OpenFilesTests
{
    [Theory]
    [InlineData(20_000, 65_536, 20_000)]
    [InlineData(20_000, 20_000, 19_488)]
    [InlineData(20_000, 600, 88)]
    [InlineData(20_000, 256, 16)]
    [InlineData(5, 256, 5)]
    [InlineData(20_000, long.MaxValue, 20_000)]
    public void Connections_are_limited_by_the_open_files(int configured, long openFiles, int connections) => Assert.Equal(connections, OpenFiles.Connections(configured, openFiles));
}
