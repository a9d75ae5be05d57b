using Relay.Dns;

namespace Relay.Flow.Policy;

/// <summary>
/// Whether mail can go to a domain at all, and so whether it makes sense that mail comes from there. A client waits for it meanwhile: it is asked for a short while only, and whoever DNS can't tell about is believed. Any thread.
/// </summary>
internal sealed class DomainCheck(IDnsResolver dns, TimeProvider time)
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    /// <summary>Of a domain in A-labels. Throws only when cancelled.</summary>
    public async ValueTask<DomainVerdict> LookUpAsync(string domain, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            DnsAnswer<MxRecord> answer = await dns.MxAsync(domain, both.Token).ConfigureAwait(false);
            return answer.Status switch
            {
                DnsStatus.Found when answer.Records.All(static mx => mx.Exchange.Length == 0) => DomainVerdict.NullMx,
                DnsStatus.NameError => DomainVerdict.Missing,
                _ => DomainVerdict.Fine,
            };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return DomainVerdict.Fine;
        }
    }
}
