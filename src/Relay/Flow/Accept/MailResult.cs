using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>What became of one DATA. With <see cref="ReceiveStatus.Complete"/> and no refusal the message is durable and queued.</summary>
internal readonly record struct MailResult(ReceiveStatus Status, Reply? Refusal, QueueId Id);
