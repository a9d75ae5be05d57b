using System.Globalization;

namespace Relay.Protocol.Smtp;

/// <summary>
/// A reply that a server gave us, as a value (RFC 5321 §4.2). <see cref="Text"/> is without codes, one line, printable (control characters and
/// invalid UTF-8 replaced, so that it may stand in a log line, a spool record or a report), at most <see cref="MaximumTextLength"/> characters.
/// </summary>
public readonly record struct PeerReply(int Code, EnhancedStatusCode Enhanced, string Text)
{
    public const int MaximumTextLength = 1000;

    public bool IsPositive => Code is >= 200 and < 300;

    public bool IsIntermediate => Code is >= 300 and < 400;

    public bool IsTransient => Code is >= 400 and < 500;

    public bool IsPermanent => Code is >= 500 and < 600;

    /// <summary>As a reader wants it: what the server said with its codes; of an answer of our own, which has no code, the text.</summary>
    public string Words => Code == 0 ? Text : ToString();

    public override string ToString() => Enhanced.IsPresent
        ? string.Create(CultureInfo.InvariantCulture, $"{Code} {Enhanced} {Text}")
        : string.Create(CultureInfo.InvariantCulture, $"{Code} {Text}");
}
