using System.Security.Cryptography;
using System.Text;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

[Collection<Alone>]
public sealed class LargeMessageTests
{
    private const long MiB = 1024 * 1024;

    [Fact]
    public async Task A_message_of_100_MiB_passes_byte_for_byte_through_a_heap_of_200_MiB()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(
            RelaySettings.SmartHost(server.Address, server.Port) with { Limits = "message_size = \"200MiB\"" },
            new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = "C800000" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();
        Assert.StartsWith("250 ", await client.CommandAsync("MAIL FROM:<sender@from.test>"), StringComparison.Ordinal);
        Assert.StartsWith("250 ", await client.CommandAsync("RCPT TO:<user@to.test>"), StringComparison.Ordinal);
        Assert.StartsWith("354 ", await client.CommandAsync("DATA"), StringComparison.Ordinal);

        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] head = Encoding.ASCII.GetBytes("Subject: large\r\n\r\n");
        hash.AppendData(head);
        await client.SendAsync(head);
        long sent = 0;
        for (int i = 0; sent < 100 * MiB; i++)
        {
            byte[] lines = Lines(i);
            hash.AppendData(lines);
            await client.SendAsync(lines);
            sent += lines.Length;
        }

        Assert.StartsWith("250 2.0.0 queued as ", await client.CommandAsync("."), StringComparison.Ordinal);
        ArrivedMessage arrived = await server.MessageAsync(_ => true, "the large message", TimeSpan.FromMinutes(3));
        long peak = relay.PeakMemory;
        Figure.Report($"a message of {sent / MiB} MiB with DOTNET_GCHeapHardLimit=200 MiB: VmHWM {peak / MiB} MiB");
        Assert.Equal(Convert.ToHexString(hash.GetHashAndReset()), TestMessage.HashOf(arrived.Original));
        Assert.True(peak < 400 * MiB, $"the relay held {peak / MiB} MiB");
        Assert.Equal(0, await relay.StopAsync());
    }

    [Fact]
    public async Task A_message_over_the_limit_is_refused_at_MAIL_when_declared_and_after_its_end_when_not()
    {
        await using ScriptedServer server = ScriptedServer.Start();
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Limits = "message_size = \"1MiB\"" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        Assert.StartsWith("552 5.3.4", await client.CommandAsync("MAIL FROM:<sender@from.test> SIZE=1048577"), StringComparison.Ordinal);
        string reply = await client.SendMessageAsync("sender@from.test", "user@to.test", TestMessage.Create(new Random(14), (int)MiB + 1000).Content);
        Assert.StartsWith("552 5.3.4", reply, StringComparison.Ordinal);

        // The session is in step, and what is small enough passes.
        Assert.StartsWith("250 ", await client.CommandAsync("NOOP"), StringComparison.Ordinal);
        TestMessage small = TestMessage.Create(new Random(15), 1000);
        Assert.StartsWith("250 ", await client.SendMessageAsync("sender@from.test", "user@to.test", small.Content), StringComparison.Ordinal);
        await server.MessageAsync(message => Ledger.IdOf(message) == small.Id, "the small message");
        Assert.Single(server.Messages);
    }

    /// <summary>About 64 KiB of lines without a leading dot, so that what is sent is what is hashed; different each time.</summary>
    private static byte[] Lines(int seed)
    {
        byte[] block = new byte[64 * 1024];
        new Random(seed).GetItems("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"u8, block);
        for (int end = 76; end < block.Length; end += 78)
        {
            "\r\n"u8[..Math.Min(2, block.Length - end)].CopyTo(block.AsSpan(end));
        }

        "\r\n"u8.CopyTo(block.AsSpan(block.Length - 2));
        return block;
    }
}
