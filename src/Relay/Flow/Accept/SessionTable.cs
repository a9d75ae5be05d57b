using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// Which command is legal in which state (RFC 5321 §4.1.4), as data: the cell is the refusal, null lets the command through to its method.
/// What a command then does is in <see cref="SessionCommands"/> and <see cref="MailCommands"/>; nothing else there asks for the state.
/// </summary>
internal static class SessionTable
{
    private const int States = 6;

    private static readonly Reply?[] Cells = Build();

    /// <summary>Null when <paramref name="verb"/> may run in <paramref name="state"/>.</summary>
    public static Reply? Refusal(Verb verb, SessionState state) => Cells[(int)verb * States + (int)state];

    private static Reply?[] Build()
    {
        Reply blocked = Replies.Blocked503;
        Reply hello = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "send EHLO or HELO first");
        Reply nested = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "a transaction is open: finish it, or RSET");
        Reply mail = Reply.Of(ReplyCode.BadSequence503, 5, 5, 1, "send MAIL first");
        Reply nobody = Reply.Of(ReplyCode.TransactionFailed554, 5, 5, 1, "no valid recipients");
        Reply chunked = Replies.ChunksOpen503;
        Reply login = Replies.AuthInTransaction503;
        Reply unknown = Reply.Of(ReplyCode.SyntaxError500, 5, 5, 1, "command not recognized");
        Reply absent = Reply.Of(ReplyCode.CommandNotImplemented502, 5, 5, 1, "command not implemented");
        Reply http = Reply.Of(ReplyCode.ServiceNotAvailable421, 4, 7, 0, "this is a mail server");

        var cells = new Reply?[Enum.GetValues<Verb>().Length * States];
        void Row(Verb verb, params ReadOnlySpan<Reply?> row) => row.CopyTo(cells.AsSpan((int)verb * States, States));

        // Whatever has no row below is recognised by the parser but not served.
        foreach (Verb verb in Enum.GetValues<Verb>())
        {
            Row(verb, blocked, absent, absent, absent, absent, absent);
        }

        //                  Blocked  Start    Ready    Mail     Recipients  Chunks
        Row(Verb.Ehlo,      blocked, null,    null,    null,    null,       null);
        Row(Verb.Helo,      blocked, null,    null,    null,    null,       null);
        Row(Verb.StartTls,  blocked, hello,   null,    null,    null,       null);
        Row(Verb.Auth,      blocked, hello,   null,    login,   login,      login);
        Row(Verb.XClient,   blocked, null,    null,    nested,  nested,     chunked);
        Row(Verb.Mail,      blocked, hello,   null,    nested,  nested,     chunked);
        Row(Verb.Rcpt,      blocked, hello,   mail,    null,    null,       chunked);
        Row(Verb.Data,      blocked, hello,   mail,    nobody,  null,       chunked);
        Row(Verb.Bdat,      blocked, hello,   mail,    nobody,  null,       null);
        Row(Verb.Rset,      blocked, null,    null,    null,    null,       null);
        Row(Verb.Noop,      blocked, null,    null,    null,    null,       null);
        Row(Verb.Vrfy,      blocked, null,    null,    null,    null,       null);
        Row(Verb.Help,      blocked, null,    null,    null,    null,       null);
        Row(Verb.Quit,      null,    null,    null,    null,    null,       null);
        Row(Verb.Unknown,   blocked, unknown, unknown, unknown, unknown,    unknown);
        Row(Verb.Http,      http,    http,    http,    http,    http,       http);
        return cells;
    }
}
