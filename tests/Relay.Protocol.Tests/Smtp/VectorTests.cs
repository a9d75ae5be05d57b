using System.Buffers;
using System.Text;
using System.Text.Json;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

/// <summary>What other people's tests say of addresses and of DATA.</summary>
public class VectorTests
{
    private const Extensions Offered = Extensions.Size | Extensions.SmtpUtf8;

    private static bool IsAccepted(string command, string address, out string path)
    {
        Reply? reply = CommandParser.Parse(Encoding.UTF8.GetBytes($"{command}:<{address}>"), Offered, out Command parsed);
        path = Encoding.UTF8.GetString(parsed.Path);
        return reply is null;
    }

    [Theory]
    [InlineData("MAIL FROM")]
    [InlineData("RCPT TO")]
    public void B23_isemail_addresses_are_taken_and_kept_as_they_are_or_refused(string command)
    {
        var wrong = new List<string>();
        int count = 0;
        foreach (JsonElement vector in Vectors.Read("address-isemail", "isemail.json").EnumerateArray())
        {
            count++;
            string address = vector.GetProperty("address").GetString()!;
            // The empty address is no mailbox but it is a reverse-path (RFC 5321 §4.5.5).
            bool expected = vector.GetProperty("rfc5321_mailbox").GetBoolean() || (address.Length == 0 && command[0] == 'M');
            bool accepted = IsAccepted(command, address, out string path);
            if (accepted != expected || (accepted && path != address))
            {
                wrong.Add($"{vector.GetProperty("id").GetInt32()} {address} {vector.GetProperty("diagnosis").GetString()}: expected {expected}, path {path}");
            }
        }

        Assert.Equal(164, count);
        Assert.Empty(wrong);
    }

    [Fact]
    public void The_tables_of_addresses_agree()
    {
        JsonElement tables = Vectors.Read("policy-records", "smtp-address.json");
        var wrong = new List<string>();
        foreach ((string table, string suffix) in new[] { ("address", ""), ("localpart", "@example.com") })
        {
            foreach (JsonElement vector in tables.GetProperty(table).EnumerateArray())
            {
                string address = vector.GetProperty("input").GetString()! + suffix;
                if (IsAccepted("RCPT TO", address, out string path) != vector.GetProperty("valid").GetBoolean() || (vector.GetProperty("valid").GetBoolean() && path != address))
                {
                    wrong.Add(address);
                }
            }
        }

        // A local part as it has to be written is taken as it is written, unless there is a control character in it (RFC 5321 §4.1.2 has none, not even quoted).
        foreach (JsonElement vector in tables.GetProperty("localpart_to_wire").EnumerateArray())
        {
            string address = vector.GetProperty("wire").GetString()! + "@example.com";
            if (IsAccepted("RCPT TO", address, out string path) == address.Any(char.IsControl) || (!address.Any(char.IsControl) && path != address))
            {
                wrong.Add(address);
            }
        }

        Assert.Empty(wrong);
    }

    /// <summary>Where they refuse a message because of its line endings we note a bare one; they let pass a bare LF that is nowhere near a dot, which we note too.</summary>
    [Fact]
    public void E1_E2_E4_the_table_of_what_follows_DATA_agrees()
    {
        foreach (JsonElement vector in Vectors.Read("policy-records", "smtp-data.json").GetProperty("data_reader").EnumerateArray())
        {
            string wire = vector.GetProperty("after_354").GetString()!;
            string? content = vector.GetProperty("content").GetString();
            string? error = vector.GetProperty("error").GetString();
            DataDecoder decoder = default;
            var stored = new ArrayBufferWriter<byte>();
            DataStatus status = decoder.Decode(new ReadOnlySequence<byte>(Segments.Bytes(wire)), stored, out SequencePosition consumed);
            Assert.Equal(error == "io.ErrUnexpectedEOF" ? DataStatus.NeedMoreData : DataStatus.Done, status);
            Assert.Equal(wire.Length, consumed.GetInteger());
            if (content is not null)
            {
                Assert.Equal(content, Encoding.Latin1.GetString(stored.WrittenSpan));
            }

            string lines = wire.Replace("\r\n", "", StringComparison.Ordinal);
            Assert.Equal(lines.Contains('\r', StringComparison.Ordinal) || lines.Contains('\n', StringComparison.Ordinal), decoder.HasBareLineEnding);
            Assert.True(error != "ErrCRLF" || decoder.HasBareLineEnding, wire);
        }
    }

    /// <summary>What they refuse to write because of its line endings, we don't store in the first place; what doesn't end with a line gets its end.</summary>
    [Fact]
    public void E3_E4_the_table_of_what_is_written_behind_DATA_agrees()
    {
        foreach (JsonElement vector in Vectors.Read("policy-records", "smtp-data.json").GetProperty("data_writer").EnumerateArray())
        {
            byte[] content = Segments.Bytes(vector.GetProperty("content").GetString()!);
            ChunkScanner scanner = default;
            scanner.Scan(content);
            Assert.Equal(vector.GetProperty("error").GetString() == "ErrCRLF", scanner.HasBareLineEnding);
            Assert.Equal(vector.GetProperty("error").GetString() != "errMissingCRLF", scanner.EndsWithLine);
            if (vector.GetProperty("wire").GetString() is { } wire)
            {
                var written = new ArrayBufferWriter<byte>();
                var encoder = new DataEncoder(raw: !scanner.HasLeadingDot);
                encoder.Write(content, written);
                encoder.Finish(written);
                Assert.Equal(wire, Encoding.Latin1.GetString(written.WrittenSpan));
            }
        }
    }
}
