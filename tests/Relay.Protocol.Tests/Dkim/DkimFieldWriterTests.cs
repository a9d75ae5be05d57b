using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Relay.Protocol.Dkim;
using Relay.Protocol.Message;

namespace Relay.Protocol.Tests.Dkim;

public sealed partial class DkimFieldWriterTests
{
    private const string Message = "Received: from a\r\nFrom: A  B <a@example.net>\r\nSubject: one\r\nTO: c@example.org\r\nsubject:\ttwo \r\n  lines \r\nX-Other: no\r\n\r\n";

    private readonly HeaderSection _header = new();

    [Fact]
    public void All_tags_are_there_and_fields_that_deceive_when_doubled_are_named_once_more()
    {
        (string field, _) = Write(Message, DkimCanonicalization.Relaxed);

        Assert.StartsWith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.net; s=s1;", field, StringComparison.Ordinal);
        Assert.EndsWith("\r\n", field, StringComparison.Ordinal);
        Dictionary<string, string> tags = Tags(field);
        Assert.Equal("From:From:To:To:Subject:Subject:Subject", tags["h"]);
        Assert.Equal("1764486000", tags["t"]);
        Assert.Equal(Convert.ToBase64String(Enumerable.Repeat((byte)7, 32).ToArray()), tags["bh"]);
        Assert.Equal(Convert.ToBase64String(Enumerable.Repeat((byte)9, 256).ToArray()), tags["b"]);
    }

    [Fact]
    public void No_line_is_longer_than_it_should_be_and_every_line_behind_the_first_is_folded()
    {
        (string field, _) = Write(string.Concat(Enumerable.Repeat("List-Unsubscribe-Post: x\r\n", 70)) + Message, DkimCanonicalization.Relaxed);

        string[] lines = field.TrimEnd().Split("\r\n");
        Assert.All(lines, line => Assert.InRange(line.Length, 1, 78));
        Assert.All(lines[1..], line => Assert.StartsWith("\t", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(DkimCanonicalization.Simple)]
    [InlineData(DkimCanonicalization.Relaxed)]
    public void What_is_hashed_are_the_named_fields_from_the_last_to_the_first_and_the_field_itself_without_its_signature(DkimCanonicalization form)
    {
        (string field, byte[] hash) = Write(Message, form);

        string own = field[..(field.LastIndexOf("\tb=", StringComparison.Ordinal) + 3)];
        string expected = form == DkimCanonicalization.Simple
            ? "From: A  B <a@example.net>\r\nTO: c@example.org\r\nsubject:\ttwo \r\n  lines \r\nSubject: one\r\n" + own
            : "from:A B <a@example.net>\r\nto:c@example.org\r\nsubject:two lines\r\nsubject:one\r\n" + Relaxed(own);
        Assert.Equal(Convert.ToHexString(SHA256.HashData(Segments.Bytes(expected))), Convert.ToHexString(hash));
    }

    [Fact]
    public void Of_thousands_of_fields_eight_of_each_name_are_signed()
    {
        string[] names = ["From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "List-Unsubscribe-Post", "Content-Transfer-Encoding", "Content-Disposition", "Content-Language", "Resent-Message-ID"];
        (string field, _) = Write(string.Concat(Enumerable.Range(0, 1990).Select(i => names[i % names.Length] + ":\r\n")) + "\r\n", DkimCanonicalization.Simple);
        Assert.Equal(13 * 8, Tags(field)["h"].Split(':').Length);
    }

    private static string Relaxed(string field) => "dkim-signature:" + Regex.Replace(field["DKIM-Signature:".Length..].Replace("\r\n", "", StringComparison.Ordinal), @"[ \t]+", " ", RegexOptions.None, TimeSpan.FromSeconds(10)).Trim();

    private static Dictionary<string, string> Tags(string field) => field["DKIM-Signature:".Length..].Split(';').Select(static t => White().Replace(t, "").Split('=', 2)).ToDictionary(static t => t[0], static t => t[1]);

    private (string Field, byte[] Hash) Write(string header, DkimCanonicalization form)
    {
        _header.Append(Segments.Bytes(header));
        using var writer = new DkimFieldWriter();
        byte[] hash = new byte[32];
        writer.Begin(
            _header,
            new DkimSignature
            {
                Algorithm = DkimAlgorithm.RsaSha256,
                Domain = "example.net"u8,
                Selector = "s1"u8,
                HeaderForm = form,
                BodyForm = DkimCanonicalization.Simple,
                BodyHash = Enumerable.Repeat((byte)7, 32).ToArray(),
                Time = DateTimeOffset.FromUnixTimeSeconds(1764486000),
            },
            hash);
        return (Encoding.Latin1.GetString(writer.End(Enumerable.Repeat((byte)9, 256).ToArray())), hash);
    }

    [GeneratedRegex(@"\s", RegexOptions.None, 10_000)]
    private static partial Regex White();
}
