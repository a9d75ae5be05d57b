using System.Text;
using Relay.Protocol.Smtp;
using Relay.Testing;

namespace Relay.Protocol.Tests.Smtp;

/// <summary>The arguments of BDAT, AUTH and XCLIENT as <see cref="CommandParser"/> reads them.</summary>
public class ArgumentTests
{
    private static string Code(Reply? reply) => reply is null ? "ok" : $"{(int)reply.Code} {reply.Enhanced}";

    [Theory]
    [InlineData("BDAT 88 LAST", 88, true)]
    [InlineData("bdat 88 last", 88, true)]
    [InlineData("BDAT 88", 88, false)]
    [InlineData("BDAT 0", 0, false)]
    [InlineData("BDAT 0 LAST", 0, true)]
    [InlineData("BDAT 0000000000000000000000005", 5, false)]
    [InlineData("BDAT 4294967296", 4294967296, false)]
    [InlineData("BDAT 9223372036854775807 LAST", long.MaxValue, true)]
    public void F1_F4_F12_a_chunk_has_a_size_and_may_be_the_last(string line, long size, bool last)
    {
        Assert.Null(CommandParser.Parse(Segments.Bytes(line), Extensions.Chunking, out Command command));
        Assert.Equal((Verb.Bdat, new Chunk(size, last)), (command.Verb, command.Chunk));
    }

    [Theory]
    [InlineData("BDAT")]
    [InlineData("BDAT -1")]
    [InlineData("BDAT +5")]
    [InlineData("BDAT 5x")]
    [InlineData("BDAT 0x10")]
    [InlineData("BDAT 1e3")]
    [InlineData("BDAT \xd9\xa5")]
    [InlineData("BDAT 9223372036854775808")]
    [InlineData("BDAT 99999999999999999999")]
    [InlineData("BDAT 5 FIRST")]
    [InlineData("BDAT 5 LAST x")]
    [InlineData("BDAT 5 LASTx")]
    [InlineData("BDAT 5LAST")]
    [InlineData("BDAT LAST")]
    [InlineData("BDAT LAST 5")]
    [InlineData("BDAT 5 5")]
    [InlineData("BDAT 5\0")]
    [InlineData("BDAT 5\tLAST")]
    [InlineData("BDAT\t5 LAST")]
    [InlineData("bdat\t")]
    public void F5_what_is_no_size_is_refused_and_says_that_it_was_BDAT(string line)
    {
        Reply? reply = CommandParser.Parse(Segments.Bytes(line), Extensions.Chunking, out Command command);
        Assert.StartsWith("501 5.5.", Code(reply), StringComparison.Ordinal);
        Assert.Equal((Verb.Bdat, default), (command.Verb, command.Chunk));
    }

    [Theory]
    [InlineData("BDATA 5")]
    [InlineData("BDAT5")]
    public void F6_what_only_begins_like_BDAT_is_unknown(string line)
    {
        Assert.Equal("500 5.5.1", Code(CommandParser.Parse(Segments.Bytes(line), Extensions.Chunking, out Command command)));
        Assert.Equal(Verb.Unknown, command.Verb);
    }

    [Theory]
    [InlineData("AUTH PLAIN", "PLAIN", false, "")]
    [InlineData("auth scram-sha-256-plus  AbC=", "scram-sha-256-plus", true, "AbC=")]
    [InlineData("AUTH PLAIN =", "PLAIN", true, "")]
    [InlineData("AUTH PLAIN ==", "PLAIN", true, "==")]
    [InlineData("AUTH PLAIN %", "PLAIN", true, "%")]
    [InlineData("AUTH ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRST", false, "")]
    public void H22_H23_AUTH_names_a_mechanism_and_may_bring_a_response(string line, string mechanism, bool has, string response)
    {
        Assert.Null(CommandParser.Parse(Segments.Bytes(line), Extensions.None, out Command command));
        Assert.Equal((mechanism, has, response), (Encoding.ASCII.GetString(command.Mechanism), command.HasInitialResponse, Encoding.ASCII.GetString(command.InitialResponse)));
    }

    [Theory]
    [InlineData("AUTH")]
    [InlineData("AUTH ")]
    [InlineData("AUTH PLAIN a b")]
    [InlineData("AUTH PL/AIN")]
    [InlineData("AUTH =")]
    [InlineData("AUTH ABCDEFGHIJKLMNOPQRSTU")]
    public void H25_AUTH_without_a_mechanism_or_with_too_much_is_refused(string line)
    {
        Reply? reply = CommandParser.Parse(Segments.Bytes(line), Extensions.None, out Command command);
        Assert.Equal((Verb.Auth, "501 5.5.4"), (command.Verb, Code(reply)));
    }

    [Fact]
    public void H24_a_response_of_12_KiB_is_cut_off_the_line_whole()
    {
        Assert.Null(CommandParser.Parse(Segments.Bytes("AUTH PLAIN " + new string('A', 12288)), Extensions.None, out Command command));
        Assert.Equal(12288, command.InitialResponse.Length);
    }

    [Theory]
    [InlineData("XCLIENT ADDR=192.0.2.1", Verb.XClient, "ok")]
    [InlineData("xclient NAME=x", Verb.XClient, "ok")]
    [InlineData("XCLIENT", Verb.XClient, "501 5.5.4")]
    [InlineData("XCLIENTS", Verb.Unknown, "500 5.5.1")]
    [InlineData("XCLIEN", Verb.Unknown, "500 5.5.1")]
    [InlineData("XCLI ENT", Verb.Unknown, "500 5.5.1")]
    [InlineData("XCLIENT\tNAME=x", Verb.Unknown, "500 5.5.1")]
    public void I10_XCLIENT_is_a_verb_with_an_argument(string line, Verb verb, string code)
    {
        Reply? reply = CommandParser.Parse(Segments.Bytes(line), Extensions.None, out Command command);
        Assert.Equal((verb, code), (command.Verb, Code(reply)));
    }

    [Theory]
    [InlineData("BDAT 88 LAST")]
    [InlineData("BDAT x")]
    [InlineData("AUTH PLAIN AGEAYg==")]
    [InlineData("XCLIENT NAME=x")]
    public void Nothing_is_allocated(string text)
    {
        byte[] line = Segments.Bytes(text);
        Assert.Equal(0, Allocations.Of(() => CommandParser.Parse(line, Extensions.None, out _)));
    }
}
