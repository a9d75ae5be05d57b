using Relay.Protocol.Smtp;

namespace Relay.Flow.Settle;

/// <summary>A recipient as a report tells of it to people. <paramref name="Reply"/> without a code is our own word.</summary>
internal readonly record struct ReportEntry(string Address, FailureClass Class, bool IsExpired, bool IsLate, PeerReply? Reply, string? RemoteHost);
