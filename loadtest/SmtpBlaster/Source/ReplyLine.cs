namespace SmtpBlaster.Source;

/// <summary>What <see cref="ReplyLines"/> made of what a server sent.</summary>
internal enum ReplyLine
{
    /// <summary>Its end isn't here yet.</summary>
    Incomplete,

    /// <summary>Others follow it.</summary>
    More,

    /// <summary>The last one of a reply, or the only one.</summary>
    Last,

    /// <summary>Longer than a server may make it.</summary>
    TooLong,

    /// <summary>Not a line of a reply, or not one of the reply that it stands in.</summary>
    Malformed,
}
