using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Relay.Dns;
using Relay.Flow.Route;
using Relay.Flow.Send;
using Relay.Tls;

namespace Relay.Flow;

/// <summary>
/// HTTPS to hosts of other people's choice, by the class library's client over the relay's own resolver and dialer: no redirects, no proxies, no cookies, and a certificate that names the host (RFC 8461 §3.3). What is asked
/// for has a time limit, and a size limit for what comes back. Any thread.
/// </summary>
internal sealed class HttpsClient(IDnsResolver dns, AddressRace race, DeliveryOptions options, TimeProvider time)
{
    private const int MaximumHeaderKilobytes = 16;

    /// <summary>One request, on a connection of its own: there are few, to ever other hosts. Throws HttpRequestException, IOException, or OperationCanceledException when <paramref name="limit"/> is over.</summary>
    public async Task<HttpsAnswer> SendAsync(HttpRequestMessage request, int maximumSize, TimeSpan limit)
    {
        using var cancel = new CancellationTokenSource(limit, time);
        using var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            MaxResponseHeadersLength = MaximumHeaderKilobytes,
            ConnectCallback = ConnectAsync,
            SslOptions = new SslClientAuthenticationOptions
            {
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                CertificateChainPolicy = ServerChain.Policy(),
                RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                    errors == SslPolicyErrors.None && ((X509Certificate2)certificate!).MatchesHostname(request.RequestUri!.IdnHost, allowWildcards: true, allowCommonName: false),
            },
        };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel.Token).ConfigureAwait(false);
        using Stream body = await response.Content.ReadAsStreamAsync(cancel.Token).ConfigureAwait(false);
        // One octet more than may be, so that what is too long shows.
        byte[] content = new byte[maximumSize + 1];
        int length = await body.ReadAtLeastAsync(content, content.Length, throwOnEndOfStream: false, cancel.Token).ConfigureAwait(false);
        return new HttpsAnswer(response.StatusCode, response.Content.Headers.ContentType?.MediaType, length > maximumSize, content.AsMemory(0, Math.Min(length, maximumSize)));
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        string host = context.DnsEndPoint.Host;
        HostAddresses found = await HostAddresses.LookUpAsync(dns, host, options.Ip, cancel).ConfigureAwait(false);
        ConnectionKey[] addresses = [.. found.Ipv6.Concat(found.Ipv4).Take(MxResolver.MaximumTargets).Select(a => new ConnectionKey(a, context.DnsEndPoint.Port, host, NextHopScheme.Smtp, OutboundTls.None))];
        if (addresses.Length == 0)
        {
            throw new IOException(found.IsTrouble ? $"the look-up of {host} failed: {found.Reason}" : $"{host} has no address");
        }

        RaceResult raced = await race.RunAsync(addresses, options.Timeouts.Connect).ConfigureAwait(false);
        return raced.Failure is { } failure ? throw new IOException($"{host} can't be reached: {failure.Message}", failure) : new OwnedStream(raced.Dialed);
    }

    /// <summary>The dialed connection as a stream that closes it.</summary>
    private sealed class OwnedStream(Dialed dialed) : DuplexPipeStream(dialed.Transport.Input, dialed.Transport.Output)
    {
        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                dialed.Close.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
