using Relay.Spool;

namespace Relay.Tests.Spool;

public sealed class SpoolOptionsTests
{
    private const long MiB = 1024 * 1024;

    [Fact]
    public void NET8_what_is_kept_in_memory_follows_the_memory_that_there_is()
    {
        var options = new SpoolOptions { Paths = ["/spool"] };
        Assert.Equal(options, options.Within(1536 * MiB));
        Assert.Equal(options with { BufferBudget = 48 * MiB, CacheBudget = 24 * MiB, MessagesInMemory = 131_072 }, options.Within(192 * MiB));
        // Less than that is taken as it is.
        Assert.Equal(1000, (options with { MessagesInMemory = 1000 }).Within(192 * MiB).MessagesInMemory);
        Assert.Equal(options with { BufferBudget = 0, CacheBudget = 0, MessagesInMemory = 1 }, options.Within(0));
    }
}
