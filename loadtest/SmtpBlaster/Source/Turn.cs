namespace SmtpBlaster.Source;

/// <summary>What a session that is free hears from the <see cref="SourceSchedule"/>.</summary>
internal enum Turn
{
    /// <summary>Here is a message.</summary>
    Now,

    /// <summary>The next message isn't due yet.</summary>
    Later,

    /// <summary>There are no more.</summary>
    Never,
}
