using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// Which command is legal in which state (RFC 5321 §4.1.4), as data: the cell is the refusal, null lets the command through to its method.
/// What a command then does is in <see cref="SmtpSession"/>; nothing else there asks for the state.
/// </summary>
internal static class SessionTable
{
    private const int States = 4;

    private static readonly Reply?[] Cells = Build();

    /// <summary>Null when <paramref name="verb"/> may run in <paramref name="state"/>.</summary>
    public static Reply? Refusal(Verb verb, SessionState state) => Cells[(int)verb * States + (int)state];

    private static Reply?[] Build()
    {
        Reply hello = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "send EHLO or HELO first");
        Reply nested = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "a transaction is open: finish it, or RSET");
        Reply mail = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "send MAIL first");
        Reply nobody = Reply.Of(ReplyCode.TransactionFailed554, 5, 5, 1, "no valid recipients");
        Reply unknown = Reply.Of(ReplyCode.SyntaxError500, 5, 5, 1, "command not recognized");
        Reply absent = Reply.Of(ReplyCode.CommandNotImplemented502, 5, 5, 1, "command not implemented");
        Reply http = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "this is a mail server");

        var cells = new Reply?[Enum.GetValues<Verb>().Length * States];
        void Row(Verb verb, Reply? start, Reply? ready, Reply? inMail, Reply? recipients)
        {
            Span<Reply?> row = cells.AsSpan((int)verb * States, States);
            row[0] = start;
            row[1] = ready;
            row[2] = inMail;
            row[3] = recipients;
        }

        // Whatever has no row below is recognised by the parser but not served.
        foreach (Verb verb in Enum.GetValues<Verb>())
        {
            Row(verb, absent, absent, absent, absent);
        }

        //                  Start    Ready    Mail     Recipients
        Row(Verb.Ehlo,      null,    null,    null,    null);
        Row(Verb.Helo,      null,    null,    null,    null);
        Row(Verb.StartTls,  hello,   null,    null,    null);
        Row(Verb.Mail,      hello,   null,    nested,  nested);
        Row(Verb.Rcpt,      hello,   mail,    null,    null);
        Row(Verb.Data,      hello,   mail,    nobody,  null);
        Row(Verb.Rset,      null,    null,    null,    null);
        Row(Verb.Noop,      null,    null,    null,    null);
        Row(Verb.Vrfy,      null,    null,    null,    null);
        Row(Verb.Help,      null,    null,    null,    null);
        Row(Verb.Quit,      null,    null,    null,    null);
        Row(Verb.Unknown,   unknown, unknown, unknown, unknown);
        Row(Verb.Http,      http,    http,    http,    http);
        return cells;
    }
}
