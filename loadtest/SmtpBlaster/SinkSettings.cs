using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using SmtpBlaster.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Sink;

namespace SmtpBlaster;

/// <summary>The options of a sink on the command line, and what they come to. In `run`, beside those of a source, their names begin with "sink-".</summary>
internal sealed class SinkSettings
{
    private readonly Option<string[]> _rule = new("--rule")
    {
        Description = "What it does otherwise than to take mail: STAGE [domain=NAME] [share=5%] [delay=2s] [slow=10KiB] [drop | reset | lose | alter | twice | reply=CODE TEXT]. "
            + "Stages: connect, ehlo, mail, rcpt, data, end. The first that fits counts. lose, alter and twice do what no server may, to see that a ledger finds it.",
        HelpName = "RULE",
    };

    private readonly Option<string> _tls;
    private readonly Option<string?> _certificate = new("--certificate") { Description = "PEM file of the sink's certificate; without one it makes its own.", HelpName = "FILE" };
    private readonly Option<string?> _key = new("--key") { Description = "PEM file of its key.", HelpName = "FILE" };
    private readonly Option<bool> _lmtp = new("--lmtp") { Description = "The sink speaks LMTP." };
    private readonly Option<bool> _noPipelining = new("--no-pipelining") { Description = "The sink doesn't offer PIPELINING." };
    private readonly Option<bool> _noChunking = new("--no-chunking") { Description = "The sink doesn't offer CHUNKING." };
    private readonly Option<int?> _connections;
    private readonly Option<int?> _connectionsPerAddress;
    private readonly Option<string?> _readRate;
    private readonly Option<string> _hostname = new("--hostname") { Description = "The sink's name.", HelpName = "NAME", DefaultValueFactory = static _ => "sink.test" };
    private readonly Option<int> _threads;
    private readonly Option<int> _seed;

    /// <param name="prefix">"--" or "--sink-", for names that a source has too.</param>
    public SinkSettings(string prefix)
    {
        _tls = new Option<string>(prefix + "tls") { Description = "none, starttls or implicit, on the sink's side.", HelpName = "MODE", DefaultValueFactory = static _ => "none" };
        _tls.AcceptOnlyFromAmong("none", "starttls", "implicit");
        _connections = new Option<int?>(prefix + "connections") { Description = "Beyond so many at a time, a connection is greeted with 421.", HelpName = "N" };
        _connectionsPerAddress = new Option<int?>(prefix + "connections-per-address") { Description = "The same for each client's address.", HelpName = "N" };
        _readRate = new Option<string?>(prefix + "read-rate") { Description = "Octets a second that are read of each connection.", HelpName = "SIZE" };
        _threads = new Option<int>(prefix + "threads") { Description = "The sink's loops, each on a thread of its own.", HelpName = "N", DefaultValueFactory = static _ => 1 };
        _seed = new Option<int>(prefix + "seed") { Description = "For what rules draw by lot.", HelpName = "N", DefaultValueFactory = static _ => 1 };
    }

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _rule, _tls, _certificate, _key, _lmtp, _noPipelining, _noChunking, _connections, _connectionsPerAddress, _readRate, _hostname, _threads, _seed })
        {
            command.Add(option);
        }
    }

    /// <summary>Null, or what is wrong.</summary>
    public string? Read(ParseResult parsed, IReadOnlyList<IPEndPoint> listen, long count, long interval, out SinkOptions? options)
    {
        options = null;
        var rules = new List<SinkRule>();
        foreach (string text in parsed.GetValue(_rule) ?? [])
        {
            if (SinkRule.Parse(text, out SinkRule rule) is { } wrongRule)
            {
                return "--rule: " + wrongRule;
            }

            rules.Add(rule);
        }

        long readRate = 0;
        string? wrong = parsed.GetValue(_readRate) is { } given ? Quantity.Size(given, out readRate) ?? (readRate < 1 ? $"\"{given}\" is no speed: 1 octet a second is the least" : null) : null;
        wrong = wrong is null ? null : $"{_readRate.Name}: {wrong}";
        wrong ??= parsed.GetValue(_connections) < 1 || parsed.GetValue(_connectionsPerAddress) < 1 ? $"{_connections.Name} and {_connectionsPerAddress.Name} are 1 at least" : null;
        int threads = parsed.GetValue(_threads);
        wrong ??= threads is < 1 or > 256 ? "a sink has from 1 to 256 threads" : null;
        wrong ??= parsed.GetValue(_certificate) is null == parsed.GetValue(_key) is null ? null : "--certificate and --key go together";
        if (wrong is not null)
        {
            return wrong;
        }

        TlsMode tls = SourceSettings.ReadTls(parsed.GetValue(_tls)!);
        SslServerAuthenticationOptions? tlsOptions;
        try
        {
            tlsOptions = tls == TlsMode.None ? null : TlsOptions(parsed.GetValue(_certificate), parsed.GetValue(_key), parsed.GetValue(_hostname)!);
        }
        catch (Exception e) when (e is IOException or CryptographicException or UnauthorizedAccessException)
        {
            return $"the certificate can't be used: {e.Message}";
        }

        options = new SinkOptions
        {
            Listen = listen,
            Hostname = parsed.GetValue(_hostname)!,
            Rules = rules,
            Lmtp = parsed.GetValue(_lmtp),
            Pipelining = !parsed.GetValue(_noPipelining),
            Chunking = !parsed.GetValue(_noChunking),
            Tls = tls,
            TlsOptions = tlsOptions,
            MaximumConnections = parsed.GetValue(_connections) ?? int.MaxValue,
            MaximumConnectionsPerAddress = parsed.GetValue(_connectionsPerAddress) ?? int.MaxValue,
            ReadRate = readRate,
            Threads = threads,
            Seed = parsed.GetValue(_seed),
            Count = count,
            Interval = interval,
        };
        return null;
    }

    public IReadOnlyList<KeyValuePair<string, string>> Describe(ParseResult parsed, SinkOptions options) =>
    [
        new("sink's protocol", options.Lmtp ? "LMTP" : "SMTP"),
        new("sink's tls", parsed.GetValue(_tls)!),
        new("sink's rules", options.Rules.Count == 0 ? "none" : string.Join("; ", parsed.GetValue(_rule)!)),
        new("sink's threads", options.Threads.ToString(CultureInfo.InvariantCulture)),
    ];

    internal static SslServerAuthenticationOptions TlsOptions(string? certificate, string? key, string hostname) => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(certificate is null ? SelfSigned(hostname) : X509Certificate2.CreateFromPemFile(certificate, key), null, offline: true),
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
    };

    private static X509Certificate2 SelfSigned(string hostname)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(new X500DistinguishedName("CN=" + hostname), key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(hostname);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
    }
}
