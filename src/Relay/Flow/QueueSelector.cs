using System.Diagnostics.CodeAnalysis;
using System.Text;
using Relay.Protocol.Message;
using Relay.Spool;

namespace Relay.Flow;

/// <summary>Which mail an operator means: a queue id, domain:NAME (recipients there), sender:ADDRESS (&lt;&gt; for reports), or all. ASCII letters are equal in either case. Immutable; any thread.</summary>
public sealed class QueueSelector
{
    private const string DomainPrefix = "domain:";
    private const string SenderPrefix = "sender:";

    private readonly string _text;
    private readonly byte[]? _domain;
    private readonly byte[]? _sender;

    private QueueSelector(string text, QueueId? id, byte[]? domain, byte[]? sender)
    {
        _text = text;
        Id = id;
        _domain = domain;
        _sender = sender;
    }

    /// <summary>Null when it isn't one message that is meant.</summary>
    public QueueId? Id { get; }

    public static bool TryParse(string text, [NotNullWhen(true)] out QueueSelector? selector)
    {
        selector = text == "all" ? new QueueSelector(text, null, null, null)
            : text.StartsWith(DomainPrefix, StringComparison.Ordinal) && text.Length > DomainPrefix.Length ? new QueueSelector(text, null, Encoding.UTF8.GetBytes(text[DomainPrefix.Length..]), null)
            : text.StartsWith(SenderPrefix, StringComparison.Ordinal) && text.Length > SenderPrefix.Length ? new QueueSelector(text, null, null, Address(text[SenderPrefix.Length..]))
            : QueueId.TryParse(text, out QueueId id) ? new QueueSelector(id.ToString(), id, null, null)
            : null;
        return selector is not null;
    }

    public override string ToString() => _text;

    /// <summary>Whether it may mean the message, whatever its recipients are.</summary>
    internal bool MayMean(SpooledMessage message) => (Id is null || Id == message.Id) && (_sender is null || Same(_sender, message.Envelope.ReversePath));

    /// <summary>Whether it means some recipient of the message; and which, by their places, until the next call.</summary>
    internal bool Means(SpooledMessage message, out Predicate<int> which)
    {
        which = static _ => true;
        if (!MayMean(message))
        {
            return false;
        }

        if (_domain is null)
        {
            return true;
        }

        bool[]? meant = null;
        int place = 0;
        foreach (ReadOnlySpan<byte> recipient in message.Envelope)
        {
            if (Same(_domain, recipient[(recipient.LastIndexOf((byte)'@') + 1)..]))
            {
                (meant ??= new bool[message.Envelope.RecipientCount])[place] = true;
            }

            place++;
        }

        which = i => meant![i];
        return meant is not null;
    }

    private static byte[] Address(string text) => Encoding.UTF8.GetBytes(text is ['<', .. var inner, '>'] ? inner : text);

    private static bool Same(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        if (one.Length != other.Length)
        {
            return false;
        }

        for (int i = 0; i < one.Length; i++)
        {
            if (one[i] != other[i] && (Lower(one[i]) != Lower(other[i])))
            {
                return false;
            }
        }

        return true;
    }

    private static byte Lower(byte c) => c is >= (byte)'A' and <= (byte)'Z' ? (byte)(c | 0x20) : c;
}
