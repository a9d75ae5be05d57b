namespace SmtpBlaster.Messages;

/// <summary>Where messages come from: made up, or read from files. Shared by all sessions, immutable.</summary>
internal interface IMessageContent
{
    /// <summary>Fills a draft: header with its <see cref="Marker"/>, and body. With <paramref name="stuffed"/> lines that begin with a dot get another one, as DATA wants it (RFC 5321 §4.5.2).</summary>
    void Fill(Draft draft, in MessageFacts facts, bool stuffed, Random random);
}
