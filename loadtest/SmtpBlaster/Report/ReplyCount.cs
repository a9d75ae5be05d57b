namespace SmtpBlaster.Report;

/// <summary>So many replies with this code at this stage; what one of them said, when it was a refusal.</summary>
internal readonly record struct ReplyCount(Stage Stage, int Code, long Count, string? Example);
