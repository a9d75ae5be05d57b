using System.Globalization;
using System.Net;
using System.Security.Authentication;
using System.Text;
using Relay.Protocol.Policy;
using Relay.Telemetry;

namespace Relay.Flow.Route;

/// <summary>Fetches MTA-STS policies (RFC 8461 §3.3). Never throws for what hosts do. Any thread.</summary>
internal sealed class StsFetcher(HttpsClient https, DeliveryOptions options)
{
    /// <summary>RFC 8461 §3.2 suggests it.</summary>
    private const int MaximumSize = 64 * 1024;

    /// <summary>The first message to a domain waits for it. RFC 8461 §3.3 suggests a minute at most.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public async Task<StsFetched> FetchAsync(string domain)
    {
        string port = options.StsPort == 443 ? "" : string.Create(CultureInfo.InvariantCulture, $":{options.StsPort}");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"https://mta-sts.{domain}{port}/.well-known/mta-sts.txt"));
        HttpsAnswer answer;
        try
        {
            answer = await https.SendAsync(request, MaximumSize, Limit).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            bool isCertificate = e.InnerException is AuthenticationException;
            string reason = e is OperationCanceledException ? "timed out" : (e.InnerException ?? e).Message;
            return new StsFetched(null, isCertificate ? TlsFault.StsWebPkiInvalid : TlsFault.StsPolicyFetchError, LogText.Clean(reason));
        }

        // RFC 8461 §3.3: redirects are not followed, and nothing but 200 counts.
        if (answer.Status != HttpStatusCode.OK)
        {
            return new StsFetched(null, TlsFault.StsPolicyFetchError, string.Create(CultureInfo.InvariantCulture, $"the server answered {(int)answer.Status}"));
        }

        if (answer.MediaType != "text/plain")
        {
            return new StsFetched(null, TlsFault.StsPolicyInvalid, $"the policy is of the type {LogText.Clean(answer.MediaType ?? "none")}, not text/plain");
        }

        if (answer.IsTooLong)
        {
            return new StsFetched(null, TlsFault.StsPolicyInvalid, string.Create(CultureInfo.InvariantCulture, $"the policy is longer than {MaximumSize} octets"));
        }

        return MtaStsPolicy.TryParse(Encoding.UTF8.GetString(answer.Content.Span), out MtaStsPolicy? policy, out string? wrong) ? new StsFetched(policy) : new StsFetched(null, TlsFault.StsPolicyInvalid, wrong);
    }
}
