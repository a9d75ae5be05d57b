using System.Net;
using DnsClient;
using DnsClient.Protocol;

namespace Relay.Dns;

/// <summary>
/// Asks the configured servers one question over UDP, and over TCP when the answer was truncated, until one gives an answer to build on: NOERROR or NXDOMAIN, to the
/// question that was asked. A server that is silent or refuses is followed by the next one; one that was silent is asked last for a while, so that a dead first server
/// doesn't cost every question its time limit. Never throws for what servers do. Any thread.
/// </summary>
internal sealed class NameServers
{
    /// <summary>How long a silent server is asked last.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(30);

    // A datagram with a wrong id burns one of DnsClient's tries, and UDP loses some: even a single server is asked again.
    private const int MinimumTries = 3;

    // RFC 6891 §6.2.5 and the DNS flag day of 2020: what passes without fragments, which can be forged.
    private const int EdnsBufferSize = 1232;

    private readonly TimeProvider _time;
    private readonly TimeSpan _tryLimit;
    private readonly Server[] _servers;
    private readonly LookupClient _client;
    private readonly DnsQueryOptions _plain = QueryOptions(dnssec: false);
    private readonly DnsQueryOptions _dnssec = QueryOptions(dnssec: true);

    public NameServers(DnsOptions options, TimeProvider time, TimeSpan tryLimit)
    {
        _time = time;
        _tryLimit = tryLimit;
        IReadOnlyList<IPEndPoint> endPoints = options.Servers.Count > 0 ? options.Servers : SystemServers.Read();
        _servers = [.. endPoints.Select(endPoint => new Server(endPoint, options.TrustAuthenticData || IPAddress.IsLoopback(endPoint.Address)))];

        // Its cache forgets whether DNSSEC was asked for and knows no bound; its own list of servers is never used.
        _client = new LookupClient(new LookupClientOptions([.. endPoints]) { UseCache = false });
    }

    /// <summary>Asks for an absolute name in normal form, without a trailing dot. When <paramref name="limit"/> is cancelled, that is the reason of the failure.</summary>
    public async Task<ServerAnswer> AskAsync(string name, QueryType type, CancellationToken limit)
    {
        var question = new DnsQuestion(name + ".", type);
        Server[] order = InOrder();
        int tries = Math.Max(MinimumTries, order.Length);
        int refusals = 0;
        string reason = "";
        for (int i = 0; i < tries && refusals < order.Length; i++)
        {
            Server server = order[i % order.Length];
            ServerAnswer answer = await TryAsync(server, question, limit);
            if (answer.Response is not null || limit.IsCancellationRequested)
            {
                return answer;
            }

            reason = answer.Reason;
            refusals += answer.IsRefusal ? 1 : 0;
        }

        return ServerAnswer.Failed(reason);
    }

    private async Task<ServerAnswer> TryAsync(Server server, DnsQuestion question, CancellationToken limit)
    {
        using var tryLimit = new CancellationTokenSource(_tryLimit, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(tryLimit.Token, limit);
        IDnsQueryResponse response;
        try
        {
            response = await _client.QueryServerAsync(server.Self, question, server.IsTrusted ? _dnssec : _plain, both.Token);
        }
        catch (Exception e)
        {
            // Whatever the bytes of a stranger make its parser throw, and every error of the network: all the same to us, no answer.
            if (limit.IsCancellationRequested)
            {
                return ServerAnswer.Failed("the time for the look-up is over");
            }

            server.RestUntil = _time.GetTimestamp() + (long)(Rest.TotalSeconds * _time.TimestampFrequency);
            return ServerAnswer.Failed(tryLimit.IsCancellationRequested ? $"{server.EndPoint} does not answer" : $"{server.EndPoint}: {Reason(e)}");
        }

        server.RestUntil = long.MinValue;
        return Judge(response, server, question);
    }

    private static ServerAnswer Judge(IDnsQueryResponse response, Server server, DnsQuestion question)
    {
        DnsResponseHeader header = response.Header;

        // DnsClient checks the id only (RFC 5452 §9.1 asks for the question too), and takes an echo of the question for an answer.
        if (!header.HasQuery || header.OPCode != DnsOpCode.Query || response.Questions is not [var echoed]
            || echoed.QuestionType != question.QuestionType || echoed.QuestionClass != question.QuestionClass
            || !echoed.QueryName.Original.Equals(question.QueryName.Value, StringComparison.OrdinalIgnoreCase))
        {
            return ServerAnswer.Failed($"{server.EndPoint} answered another question");
        }

        // RFC 6891 §6.1.3: the upper bits of the code are in the OPT record; without them BADVERS would look like NOERROR.
        foreach (DnsResourceRecord record in response.Additionals)
        {
            if (record.RecordType == ResourceRecordType.OPT && (record.InitialTimeToLive & 0xFF000000) != 0)
            {
                return ServerAnswer.Refused($"{server.EndPoint} answered with an extended error");
            }
        }

        return header.ResponseCode is DnsHeaderResponseCode.NoError or DnsHeaderResponseCode.NotExistentDomain
            ? new ServerAnswer(response, server.IsTrusted && header.IsAuthenticData)
            : ServerAnswer.Refused($"{server.EndPoint} answered {header.ResponseCode}");
    }

    private Server[] InOrder()
    {
        long now = _time.GetTimestamp();
        return Array.Exists(_servers, server => server.RestUntil > now) ? [.. _servers.OrderBy(server => server.RestUntil > now)] : _servers;
    }

    // The innermost message says what happened; the ones around it only that something did. Reasons go into logs and reports: one printable line.
    private static string Reason(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        const int MaximumLength = 200;
        string text = e.Message.Length > MaximumLength ? e.Message[..MaximumLength] : e.Message;
        return string.Create(text.Length, text, static (span, text) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = text[i] is >= ' ' and <= '~' ? text[i] : '?';
            }
        });
    }

    // One server and one try a call: the order, the tries and the time are ours. DO is asked for only where AD would be believed (RFC 6840 §5.7).
    private static DnsQueryOptions QueryOptions(bool dnssec) => new()
    {
        UseCache = false,
        ThrowDnsErrors = false,
        ContinueOnDnsError = false,
        ContinueOnEmptyResponse = false,
        Retries = 0,
        Timeout = Timeout.InfiniteTimeSpan,
        UseTcpFallback = true,
        ExtendedDnsBufferSize = EdnsBufferSize,
        RequestDnsSecRecords = dnssec,
    };

    private sealed class Server(IPEndPoint endPoint, bool isTrusted)
    {
        private long _restUntil = long.MinValue;

        public IPEndPoint EndPoint { get; } = endPoint;

        public bool IsTrusted { get; } = isTrusted;

        public NameServer[] Self { get; } = [new NameServer(endPoint)];

        public long RestUntil
        {
            get => Volatile.Read(ref _restUntil);
            set => Volatile.Write(ref _restUntil, value);
        }
    }
}
