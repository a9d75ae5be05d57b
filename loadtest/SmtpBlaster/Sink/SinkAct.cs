namespace SmtpBlaster.Sink;

/// <summary>What a rule does besides answering. The last three let a sink do what no server may, so that a ledger can be seen to find it.</summary>
internal enum SinkAct
{
    None,

    /// <summary>Closes the connection instead of answering.</summary>
    Drop,

    /// <summary>The same with a reset.</summary>
    Reset,

    /// <summary>Takes the message and counts it as not arrived.</summary>
    Lose,

    /// <summary>Takes the message as if one octet had changed.</summary>
    Alter,

    /// <summary>Takes the message as if it had come two times.</summary>
    Twice,
}
