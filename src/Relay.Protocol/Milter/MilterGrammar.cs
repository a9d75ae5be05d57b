namespace Relay.Protocol.Milter;

/// <summary>What a milter may say when, as Sendmail's libmilter and Postfix have it. Stateless; any thread.</summary>
public static class MilterGrammar
{
    /// <summary>Whether the reply may come in this stage from a milter that negotiated so.</summary>
    public static bool Allows(MilterStage stage, MilterReplyKind reply, in MilterNegotiation agreed) => reply switch
    {
        MilterReplyKind.Negotiate => stage == MilterStage.Negotiation,
        _ when stage == MilterStage.Negotiation => reply is MilterReplyKind.ConnectionFailed,
        MilterReplyKind.Continue or MilterReplyKind.Accept or MilterReplyKind.Reject or MilterReplyKind.TempFail or MilterReplyKind.ReplyCode => true,
        MilterReplyKind.Progress or MilterReplyKind.ConnectionFailed or MilterReplyKind.Shutdown => true,
        MilterReplyKind.Discard => stage is not (MilterStage.Connect or MilterStage.Helo or MilterStage.Unknown),
        MilterReplyKind.Skip => stage == MilterStage.Body && (agreed.Steps & MilterSteps.Skip) != 0,
        _ => stage == MilterStage.EndOfMessage && ActionOf(reply) is not MilterActions.None and var action && (agreed.Actions & action) != 0,
    };

    /// <summary>Whether it changes the message: more replies follow it.</summary>
    public static bool IsEdit(MilterReplyKind reply) => ActionOf(reply) != MilterActions.None;

    /// <summary>The step that a milter does without when it doesn't want this stage; None: it has to be.</summary>
    public static MilterSteps Step(MilterStage stage) => stage switch
    {
        MilterStage.Connect => MilterSteps.NoConnect,
        MilterStage.Helo => MilterSteps.NoHelo,
        MilterStage.Mail => MilterSteps.NoMail,
        MilterStage.Rcpt => MilterSteps.NoRcpt,
        MilterStage.Data => MilterSteps.NoData,
        MilterStage.Unknown => MilterSteps.NoUnknown,
        MilterStage.Header => MilterSteps.NoHeaders,
        MilterStage.EndOfHeader => MilterSteps.NoEndOfHeader,
        MilterStage.Body => MilterSteps.NoBody,
        _ => MilterSteps.None,
    };

    /// <summary>The step that says that this stage isn't answered.</summary>
    public static MilterSteps Silence(MilterStage stage) => stage switch
    {
        MilterStage.Connect => MilterSteps.NoReplyToConnect,
        MilterStage.Helo => MilterSteps.NoReplyToHelo,
        MilterStage.Mail => MilterSteps.NoReplyToMail,
        MilterStage.Rcpt => MilterSteps.NoReplyToRcpt,
        MilterStage.Data => MilterSteps.NoReplyToData,
        MilterStage.Unknown => MilterSteps.NoReplyToUnknown,
        MilterStage.Header => MilterSteps.NoReplyToHeader,
        MilterStage.EndOfHeader => MilterSteps.NoReplyToEndOfHeader,
        MilterStage.Body => MilterSteps.NoReplyToBody,
        _ => MilterSteps.None,
    };

    private static MilterActions ActionOf(MilterReplyKind reply) => reply switch
    {
        MilterReplyKind.AddHeader or MilterReplyKind.InsertHeader => MilterActions.AddHeaders,
        MilterReplyKind.ChangeHeader => MilterActions.ChangeHeaders,
        MilterReplyKind.ReplaceBody => MilterActions.ChangeBody,
        MilterReplyKind.AddRecipient => MilterActions.AddRecipients,
        MilterReplyKind.AddRecipientWithParameters => MilterActions.AddRecipientsWithParameters,
        MilterReplyKind.DeleteRecipient => MilterActions.DeleteRecipients,
        MilterReplyKind.ChangeSender => MilterActions.ChangeSender,
        MilterReplyKind.Quarantine => MilterActions.Quarantine,
        _ => MilterActions.None,
    };
}
