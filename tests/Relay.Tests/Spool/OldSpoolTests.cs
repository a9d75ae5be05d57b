using System.Formats.Tar;
using System.IO.Compression;
using System.Net;
using System.Text;
using Relay.Protocol.Smtp;
using Relay.Spool;
using Relay.Tests.Support;

namespace Relay.Tests.Spool;

/// <summary>
/// DUR15: what an older relay left behind. Each fixture is a folder written by the code of its time and never made again. All hold: a plain message, a large one, one of
/// three recipients of which one is left, one deferred three times, two that are settled, one with SMTPUTF8, generations of segments below them, and at the end
/// a record cut short, with the own file of its body. Segments are of 64 KiB.
/// </summary>
public sealed class OldSpoolTests
{
    private static readonly DateTimeOffset Arrived = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<string> Fixtures => ["spool-v1.tar.gz"];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public async Task It_is_found_as_it_was_left(string fixture)
    {
        string folder = Directory.CreateTempSubdirectory("relay-old-").FullName;
        try
        {
            await UnpackAsync(fixture, folder);
            await using TestSpool spool = TestSpool.Open(new DiskStorage(), Path.Combine(folder, "spool"));
            Assert.Equal(["plain", "large", "partly", "deferred", "utf8 ü"], spool.Recovered.Select(m => Subject(spool.Read(m.Message))));
            Assert.All(spool.Recovered, m => Assert.Equal((Arrived, IPAddress.Parse("2001:db8::7")), (m.Message.Arrived, m.Message.Client!)));
            Assert.Equal(
                ["1M882EPQY0000", "1M882EPSG0000", "1M882EPVD0000", "1M882EPVJ0000", "1M882EPVN0000"], spool.Recovered.Select(m => m.Message.Id.ToString()));
            Assert.Equal([905, 300_014, 2003, 1517, 745], spool.Recovered.Select(m => m.Message.Size));
            Assert.All(spool.Recovered, m => Assert.Equal(Mail(Subject(spool.Read(m.Message)), (int)m.Message.Size), Encoding.UTF8.GetString(spool.Read(m.Message))));
            Assert.Equal(
            [
                new PendingRecipient(0, 0, Arrived),
                new PendingRecipient(0, 0, Arrived),
                new PendingRecipient(2, 1, new DateTimeOffset(2026, 11, 25, 0, 5, 0, TimeSpan.Zero)),
                new PendingRecipient(0, 3, new DateTimeOffset(2026, 11, 25, 1, 2, 3, TimeSpan.Zero)),
                new PendingRecipient(0, 0, Arrived),
            ], spool.Recovered.SelectMany(m => m.Pending));
            Assert.Equal(
                ["sender@example.com", "sender@example.com", "sender@example.com", "", "jürgen@bücher.example"],
                spool.Recovered.Select(m => Encoding.UTF8.GetString(m.Message.Envelope.ReversePath)));
            Assert.Equal("left@example.net", Encoding.UTF8.GetString(spool.Recovered[2].Message.Envelope.Recipient(2)));
            Assert.Equal(
                [BodyType.EightBitMime, BodyType.SevenBit, BodyType.SevenBit, BodyType.SevenBit, BodyType.EightBitMime], spool.Recovered.Select(m => m.Message.Envelope.Body));
            Assert.Equal(EnvelopeFlags.SmtpUtf8, spool.Recovered[4].Message.Envelope.Flags);

            // What was torn is gone, and nothing was taken for damage.
            Assert.Single(Directory.GetFiles(Path.Combine(folder, "spool"), "*.msg"));
            Assert.False(Directory.Exists(Path.Combine(folder, "spool", "corrupt")));
            Assert.True(spool.Spool.Begin() is { } next && next.Id > spool.Recovered[4].Message.Id);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public async Task It_drains(string fixture)
    {
        await using var relay = new EngineFixture();
        string folder = relay.Options.Spool.Paths[0];
        await UnpackAsync(fixture, Path.GetDirectoryName(folder)!);
        foreach (string domain in (string[])["example.net", "xn--bcher-kva.example", "bücher.example"])
        {
            relay.Dns.Mx(domain, (10, "mx.example.net"));
        }

        relay.Dns.Host("mx.example.net", "192.0.2.1");
        relay.Server.Extensions = [.. relay.Server.Extensions, "SMTPUTF8"];
        relay.Time.SetUtcNow(new DateTimeOffset(2026, 11, 25, 1, 2, 0, TimeSpan.Zero));
        await relay.StartAsync();
        await relay.PassTimeUntil(() => relay.Server.Mail.Count == 5 && relay.Log("delivered").Count == 5, "five deliveries");
        Assert.Equal(
            ["deferred", "large", "partly", "plain"], relay.Server.Mail.Select(static m => m.Body.Split("\r\n")[0]["Subject: ".Length..]).Where(static s => s[0] != 'u').Order());
        Assert.Equal(["left@example.net"], relay.Server.Mail.Single(static m => m.Body.StartsWith("Subject: partly", StringComparison.Ordinal)).Recipients);
        Assert.Equal(Mail("large", 300_014), relay.Server.Mail.Single(static m => m.Body.StartsWith("Subject: large", StringComparison.Ordinal)).Body);
        await relay.RestartAsync();
        Assert.Empty(Directory.GetFiles(folder, "*.msg"));
        Assert.Equal(5, relay.Server.Mail.Count);
    }

    private static async Task UnpackAsync(string fixture, string folder)
    {
        await using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Spool", "fixtures", fixture));
        await using var archive = new GZipStream(file, CompressionMode.Decompress);
        await TarFile.ExtractToDirectoryAsync(archive, folder, overwriteFiles: false, TestContext.Current.CancellationToken);
    }

    private static string Subject(byte[] mail) => Encoding.UTF8.GetString(mail).Split("\r\n")[0]["Subject: ".Length..];

    /// <summary>The body that the fixtures' messages have, by its subject.</summary>
    private static string Mail(string subject, int size)
    {
        string head = $"Subject: {subject}\r\nMessage-ID: <{subject.Replace(' ', '.')}@example.com>\r\n\r\n";
        var text = new StringBuilder(head);
        int octets = Encoding.UTF8.GetByteCount(head);
        for (int line = 0; octets < size; line++)
        {
            string next = $"line {line} of {subject}\r\n";
            text.Append(next);
            octets += Encoding.UTF8.GetByteCount(next);
        }

        return text.ToString();
    }
}
