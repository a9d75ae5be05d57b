namespace Relay.Protocol.Smtp;

/// <summary>Where in a line the octet that comes next stands. Only CRLF ends a line.</summary>
internal enum LinePosition : byte
{
    /// <summary>The first of a line: at the start of the message or behind CRLF.</summary>
    Start = 0,
    Inside,

    /// <summary>Behind a CR: LF would end the line.</summary>
    AfterCr,
}
