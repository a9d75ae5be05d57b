using Relay.Dkim;
using Relay.Flow.Milter;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Accept;

/// <summary>Has the milters look at a message that was received as a whole, and makes of it what they want, before it is signed and committed. One session's, one message at a time.</summary>
internal sealed class MessageFilter(SessionMilters milters, SessionServices services, LimitOptions limits)
{
    /// <summary>
    /// Changes what is in <paramref name="spool"/> and <paramref name="envelope"/>. <paramref name="signing"/>, through which the message passed, is exchanged for another one when the message was written again: the result has the one that holds.
    /// </summary>
    public async ValueTask<FilterResult> RunAsync(SpoolTransaction spool, EnvelopeBuilder envelope, EnvelopeFlags flags, bool isBinary, MessageSigning? signing)
    {
        if (milters.DiscardedBy is { } before)
        {
            return new FilterResult(signing, flags) { DiscardedBy = before };
        }

        if (!milters.WantContent)
        {
            return new FilterResult(signing, flags);
        }

        using var content = new MilterContent(services.Spool, spool, isBinary, limits.MessageSize);
        if ((content.Load() ?? await milters.FilterAsync(content).ConfigureAwait(false)) is { } refusal)
        {
            return new FilterResult(signing, flags) { Refusal = refusal };
        }

        if (milters.DiscardedBy is { } milter)
        {
            return new FilterResult(signing, flags) { DiscardedBy = milter };
        }

        if (content.IsEnvelopeChanged)
        {
            content.ApplyTo(envelope);
        }

        var result = new FilterResult(signing, flags) { HeldBy = content.Quarantine };
        return content.IsChanged ? await WriteAsync(spool, content, result).ConfigureAwait(false) : result;
    }

    private async ValueTask<FilterResult> WriteAsync(SpoolTransaction spool, MilterContent content, FilterResult result)
    {
        using SpoolTransaction target = services.Spool.BeginBeside(spool);
        MessageSigning? signing = result.Signing is null ? null : services.Signer.Begin(target);
        EnvelopeFlags? flags = await content.WriteAsync(target, signing is not null ? signing : target).ConfigureAwait(false);
        if (result.Signing is { } old)
        {
            services.Signer.Return(old);
        }

        if (flags is null)
        {
            return result with { Signing = signing, Refusal = Replies.LocalError451 };
        }

        await spool.ReplaceAsync(target).ConfigureAwait(false);
        return result with { Signing = signing, Flags = flags.Value };
    }
}
