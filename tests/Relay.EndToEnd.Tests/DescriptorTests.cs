using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>A relay that runs out of file descriptors (K7): it may turn clients away, but the mail in hand still reaches the disk.</summary>
public sealed class DescriptorTests
{
    private const int Files = 700;

    [Fact]
    public async Task With_more_clients_than_descriptors_a_large_message_is_still_stored_and_delivered()
    {
        await using var sink = new ReceiptSink();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(sink.Address, sink.Port) with { Limits = "connections_per_address = 5000", Log = "level = \"error\"" },
            environment: null,
            Tool.Find("prlimit", "util-linux"),
            $"--nofile={Files}",
            "--");
        var ledger = new Ledger();
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        var crowd = new List<RawClient>();
        int refused = 0;
        try
        {
            while (refused < 20 && crowd.Count < 2 * Files)
            {
                try
                {
                    crowd.Add(await RawClient.ConnectAsync(relay.Listener));
                }
                catch (Exception e) when (e is Xunit.Sdk.XunitException or IOException)
                {
                    // 421: no more room.
                    refused++;
                }
            }

            var random = new Random(17);
            foreach (int size in (int[])[1000, 500_000, 1000, 2_000_000])
            {
                TestMessage message = TestMessage.Create(random, size);
                ledger.Sent(message);
                Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", message.Content), StringComparison.Ordinal);
                ledger.Acknowledge(message);
            }

            await Eventually.True(() => ledger.Missing(sink.Receipts) == 0, "the messages are delivered although all places are taken");
        }
        finally
        {
            crowd.ForEach(member => member.Dispose());
        }

        Figure.Report($"K7, {Files} descriptors: {crowd.Count} clients served, then {refused} refused; {ledger.Summarise(sink.Receipts)}");
        Assert.True(refused > 0, "nobody was refused: the limit was not reached");
        Assert.Equal(0, ledger.Summarise(sink.Receipts).Altered);
        // The spool keeps what it needs open: it was neither full nor failed for want of descriptors.
        Assert.DoesNotContain(relay.Errors, line => line.Contains("spool", StringComparison.Ordinal));
    }
}
