using System.Net.Sockets;
using Relay.Flow;
using Relay.Flow.Send;
using Relay.Protocol.Smtp;

namespace Relay.Tests.Flow.Send;

public class AttemptFailureTests
{
    public static TheoryData<string, string> OurOwn => new()
    {
        { nameof(AttemptFailure.CannotConnect), "Host Deferred 4.4.1 connect failed: connection refused" },
        { nameof(OperationCanceledException), "Host Deferred 4.4.1 connect timed out" },
        { nameof(AttemptFailure.TlsFailed), "Host Deferred 4.7.5 TLS handshake failed: no" },
        { nameof(AttemptFailure.TlsNotOffered), "Host Deferred 4.7.4 the server does not offer STARTTLS, and TLS is demanded (required)" },
        { nameof(AttemptFailure.Lost), "Connection Deferred 4.4.2 closed while waiting for the reply to RCPT" },
        { nameof(AttemptFailure.Protocol), "Host Deferred 4.5.0 garbage" },
        { nameof(AttemptFailure.Unconfirmed), "Message Deferred 4.4.2 closed while waiting for the reply to the end of the message (the message may have been delivered)" },
    };

    [Theory]
    [MemberData(nameof(OurOwn))]
    public void What_no_server_said_passes_and_has_a_status_of_our_own(string name, string expected)
    {
        AttemptFailure failure = name switch
        {
            nameof(AttemptFailure.CannotConnect) => AttemptFailure.CannotConnect(new SocketException((int)SocketError.ConnectionRefused)),
            nameof(OperationCanceledException) => AttemptFailure.CannotConnect(new OperationCanceledException()),
            nameof(AttemptFailure.TlsFailed) => AttemptFailure.TlsFailed(TlsFault.None, "no"),
            nameof(AttemptFailure.TlsNotOffered) => AttemptFailure.TlsNotOffered("required"),
            nameof(AttemptFailure.Lost) => AttemptFailure.Lost("closed", SmtpPhase.Recipient),
            nameof(AttemptFailure.Protocol) => AttemptFailure.Protocol(FailureScope.Host, "garbage"),
            _ => AttemptFailure.Lost("closed", SmtpPhase.End).Unconfirmed(),
        };
        Assert.Equal(expected, $"{failure.Scope} {failure.Outcome.Kind} {failure.Reply.Enhanced} {failure.Reply.Text}");
        Assert.Equal(0, failure.Reply.Code);
        Assert.Equal(name == nameof(AttemptFailure.TlsFailed), failure.TlsBroken);
        Assert.Equal(name == nameof(AttemptFailure.Protocol), failure.OutOfStep);
    }

    /// <summary>The reach and class of each kind of code in each phase: RSET, MAIL, RCPT, DATA, the end of the message.</summary>
    [Theory]
    [InlineData(250, "goes on", "goes on", "goes on", "Host Deferred", "goes on")]
    [InlineData(354, "Host Deferred", "Host Deferred", "Host Deferred", "goes on", "Host Deferred")]
    [InlineData(421, "Host Deferred", "Host Deferred", "Host Deferred", "Host Deferred", "Host Deferred")]
    [InlineData(451, "Host Deferred", "Message Deferred", "Recipient Deferred", "Message Deferred", "Message Deferred")]
    [InlineData(452, "Host Deferred", "Message Deferred", "Recipient Deferred", "Message Deferred", "Message Deferred")]
    [InlineData(550, "Host Deferred", "Message Failed", "Recipient Failed", "Message Failed", "Message Failed")]
    [InlineData(552, "Host Deferred", "Message Failed", "Recipient Deferred", "Message Failed", "Message Failed")]
    public void A_reply_reaches_as_far_as_what_it_answers(int code, string reset, string mail, string recipient, string data, string end)
    {
        var reply = new PeerReply(code, default, "text");
        string[] found = [.. Enum.GetValues<SmtpPhase>().Select(phase => AttemptFailure.OfReply(phase, reply) is { } failure ? $"{failure.Scope} {failure.Outcome.Kind}" : "goes on")];
        Assert.Equal([reset, mail, recipient, data, end], found);
    }

    [Fact]
    public void A_servers_refusal_is_kept_as_it_was_said()
    {
        var reply = new PeerReply(550, new EnhancedStatusCode(5, 1, 1), "no such user");
        Assert.Equal(new RecipientOutcome(OutcomeKind.Failed, reply), AttemptFailure.OfReply(SmtpPhase.Recipient, reply)?.Outcome);
        Assert.True(AttemptFailure.OfReply(SmtpPhase.Data, new PeerReply(250, default, "ok"))?.OutOfStep);
        Assert.False(AttemptFailure.OfReply(SmtpPhase.Mail, new PeerReply(421, default, "bye"))?.OutOfStep);
    }
}
