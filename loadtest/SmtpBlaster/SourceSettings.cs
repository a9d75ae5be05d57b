using System.Buffers.Binary;
using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Relay.Protocol.Sasl;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Options;
using SmtpBlaster.Source;

namespace SmtpBlaster;

/// <summary>The options of a source on the command line, and what they come to.</summary>
internal sealed class SourceSettings
{
    /// <summary>A password from here is in no list of processes.</summary>
    private const string PasswordVariable = "SMTP_BLASTER_PASSWORD";

    private const int MaximumRecipients = 100_000;
    private const long MaximumSize = 1L << 30;
    private const int MaximumBind = 4096;

    private readonly Option<string> _sessions = Text("--sessions", "Sessions at a time; FROM:TO with --ramp.", "N", "10");
    private readonly Option<string?> _rate = new("--rate") { Description = "Messages a second, whatever the server does (an open loop: latency counts from when a message was due); FROM:TO with --ramp. Without it, as fast as sessions are free (a closed loop).", HelpName = "N" };
    private readonly Option<string> _ramp = Text("--ramp", "How long sessions or rate take from FROM to TO.", "DURATION", "0s");
    private readonly Option<int> _messages = new("--messages-per-connection") { Description = "Messages on each connection; 0: no limit, 1: a connection for each.", HelpName = "N" };
    private readonly Option<long?> _count = new("--count", "-n") { Description = "Messages in all; 1000 when there is no --duration either.", HelpName = "N" };
    private readonly Option<string?> _duration = new("--duration") { Description = "How long messages are begun.", HelpName = "DURATION" };
    private readonly Option<string> _size = Text("--size", "Octets of a body, 40 at least: 4KiB, uniform:1KiB,64KiB, list:4KiB*70,64KiB*25,1MiB*5 or lognormal:MEDIAN,SIGMA[,MOST].", "DISTRIBUTION", "4KiB");
    private readonly Option<string> _recipients = Text("--recipients", "Recipients of a message, in the same forms.", "DISTRIBUTION", "1");
    private readonly Option<string> _from = Text("--from", "The sender; {n} is the message's number, {d} a domain's.", "ADDRESS", "sender@s{d}.test");
    private readonly Option<int> _fromDomains = Number("--from-domains", "Sender domains.", 1);
    private readonly Option<string> _to = Text("--to", "The recipients; {n} is the recipient's number, {d} a domain's.", "ADDRESS", "u{n}@d{d}.test");
    private readonly Option<int> _toDomains = Number("--to-domains", "Recipient domains.", 1);
    private readonly Option<string[]> _message = new("--message") { Description = "Sends these .eml files in turn, instead of messages made up.", HelpName = "FILE", AllowMultipleArgumentsPerToken = true };
    private readonly Option<bool> _template = new("--template") { Description = "Fills in {number}, {run}, {date}, {from} and {to} in them." };
    private readonly Option<bool> _pipelining = new("--pipelining") { Description = "MAIL, RCPT and DATA in one flight, where it is offered." };
    private readonly Option<bool> _bdat = new("--bdat") { Description = "Sends by BDAT, where CHUNKING is offered." };
    private readonly Option<string> _tls = Text("--tls", "none, starttls or implicit.", "MODE", "none");
    private readonly Option<string?> _verify = new("--verify") { Description = "Wants a certificate for this name that the system trusts; without it any will do.", HelpName = "NAME" };
    private readonly Option<bool> _noResumption = new("--no-resumption") { Description = "A whole TLS handshake for each connection." };
    private readonly Option<string?> _auth = new("--auth") { Description = $"plain, login or scram-sha-256; the password is taken from --password-file or ${PasswordVariable}.", HelpName = "MECHANISM" };
    private readonly Option<string?> _user = new("--user") { Description = "Who logs in.", HelpName = "NAME" };
    private readonly Option<string?> _passwordFile = new("--password-file") { Description = "The password is this file's first line.", HelpName = "FILE" };
    private readonly Option<string[]> _bind = new("--bind") { Description = "Local addresses to connect from, in turn: addresses or IPv4 networks, like 127.0.1.0/24.", HelpName = "ADDRESS", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string> _hello = Text("--hello", "The name in EHLO.", "NAME", "blaster.test");
    private readonly Option<int> _threads = Number("--threads", "Loops, each on a thread of its own.", 1);
    private readonly Option<string> _timeout = Text("--timeout", "How long connecting, and each message, may take.", "DURATION", "60s");
    private readonly Option<string> _giveUp = Text("--give-up", "Ends when for so long no connection could be used.", "DURATION", "10s");
    private readonly Option<string> _warmUp = Text("--warm-up", "Latencies of so long from the start are in the timeline only, not in the percentiles of the run.", "DURATION", "0s");
    private readonly Option<string> _interval = Text("--interval", "The length of the report's intervals.", "DURATION", "1s");
    private readonly Option<int> _seed = Number("--seed", "For what is drawn by lot.", 1);

    public SourceSettings()
    {
        _tls.AcceptOnlyFromAmong("none", "starttls", "implicit");
        _auth.AcceptOnlyFromAmong("plain", "login", "scram-sha-256");
    }

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[]
        {
            _count, _duration, _sessions, _rate, _ramp, _messages, _size, _recipients, _from, _fromDomains, _to, _toDomains, _message, _template, _pipelining, _bdat, _tls, _verify, _noResumption, _auth, _user, _passwordFile,
            _bind, _hello, _threads, _timeout, _giveUp, _warmUp, _interval, _seed,
        })
        {
            command.Add(option);
        }
    }

    /// <summary>Null, or what is wrong.</summary>
    public string? Read(ParseResult parsed, IPEndPoint target, uint run, out SourceOptions? options)
    {
        options = null;
        double rateFrom = 0, rateTo = 0;
        long duration = long.MaxValue;
        string? wrong = Of(_sessions, Quantity.Span(parsed.GetValue(_sessions)!, out double sessionsFrom, out double sessionsTo))
            ?? (parsed.GetValue(_rate) is { } rate ? Of(_rate, Quantity.Span(rate, out rateFrom, out rateTo)) : null)
            ?? (parsed.GetValue(_duration) is { } given ? Of(_duration, Quantity.Duration(given, out duration)) : null);
        wrong = Of(_ramp, Quantity.Duration(parsed.GetValue(_ramp)!, out long ramp)) ?? wrong;
        wrong = Of(_timeout, Quantity.Duration(parsed.GetValue(_timeout)!, out long timeout)) ?? wrong;
        wrong = Of(_giveUp, Quantity.Duration(parsed.GetValue(_giveUp)!, out long giveUp)) ?? wrong;
        wrong = Of(_warmUp, Quantity.Duration(parsed.GetValue(_warmUp)!, out long warmUp)) ?? wrong;
        wrong = Of(_interval, Quantity.Duration(parsed.GetValue(_interval)!, out long interval)) ?? wrong;
        wrong = Of(_size, Distribution.Parse(parsed.GetValue(_size)!, 0, MaximumSize, out Distribution sizes)) ?? wrong;
        wrong = Of(_recipients, Distribution.Parse(parsed.GetValue(_recipients)!, 1, MaximumRecipients, out Distribution recipients)) ?? wrong;
        int fromDomains = parsed.GetValue(_fromDomains), toDomains = parsed.GetValue(_toDomains), threads = parsed.GetValue(_threads);
        wrong = Of(_from, AddressPattern.Parse(parsed.GetValue(_from)!, fromDomains, out AddressPattern from)) ?? wrong;
        wrong = Of(_to, AddressPattern.Parse(parsed.GetValue(_to)!, toDomains, out AddressPattern to)) ?? wrong;
        wrong = Bind(parsed.GetValue(_bind) ?? [], target, out List<byte[]> bind) ?? wrong;
        wrong = Login(parsed, out (SaslMechanisms Mechanism, string User, string Password) login) ?? wrong;
        string[] files = parsed.GetValue(_message) ?? [];
        IMessageContent? content = null;
        wrong ??= files.Length > 0 ? FileContent.Load(files, parsed.GetValue(_template), from, to, out content) : null;
        long count = parsed.GetValue(_count) ?? (duration == long.MaxValue ? 1000 : long.MaxValue);
        wrong ??= fromDomains < 1 || toDomains < 1 || threads is < 1 or > 256 ? "--from-domains, --to-domains and --threads are 1 at least, threads 256 at most"
            : sessionsFrom < 1 || Math.Max(sessionsFrom, sessionsTo) > 100_000 ? "--sessions is from 1 to 100000"
            : Math.Max(sessionsFrom, sessionsTo) > Linux.FreeFiles() ? FormattableString.Invariant($"--sessions: this process may have {Linux.FilesLimit()} file descriptors, which leaves {Linux.FreeFiles()} sessions: ask for fewer, or raise \"ulimit -n\"")
            : count < 1 || parsed.GetValue(_messages) < 0 ? "--count is 1 at least, --messages-per-connection 0 at least"
            : interval < Clock.Second / 100 || timeout == 0 || giveUp == 0 ? "--interval is 10ms at least; --timeout and --give-up are above 0"
            : recipients.Most > 1 && !to.HasNumber ? "more than one recipient wants a place {n} in --to, so that they differ"
            : ramp == 0 && (sessionsFrom != sessionsTo || rateFrom != rateTo) ? "FROM:TO wants --ramp DURATION"
            : parsed.GetValue(_template) && files.Length == 0 ? "--template wants --message FILE"
            : null;
        if (wrong is not null)
        {
            return wrong;
        }

        TlsMode tls = ReadTls(parsed.GetValue(_tls)!);
        options = new SourceOptions
        {
            Target = target,
            Run = run,
            Content = content ?? new GeneratedContent(sizes, from, to, TimeProvider.System),
            From = from,
            To = to,
            Recipients = recipients,
            Hello = parsed.GetValue(_hello)!,
            Sessions = (sessionsFrom, sessionsTo),
            Rate = (rateFrom, rateTo),
            Ramp = ramp,
            MessagesPerConnection = parsed.GetValue(_messages),
            Count = count,
            Duration = duration,
            Pipelining = parsed.GetValue(_pipelining),
            Chunking = parsed.GetValue(_bdat),
            Tls = tls,
            TlsOptions = tls == TlsMode.None ? null : TlsOptions(parsed),
            Mechanism = login.Mechanism,
            User = login.User,
            Password = login.Password,
            Bind = bind,
            Threads = threads,
            Timeout = timeout,
            GiveUp = giveUp,
            WarmUp = warmUp,
            Interval = interval,
            Seed = parsed.GetValue(_seed),
        };
        return null;
    }

    /// <summary>What was asked for, for the report.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Describe(ParseResult parsed, SourceOptions options)
    {
        string[] files = parsed.GetValue(_message) ?? [];
        return
        [
            new("target", options.Target.ToString()),
            new("run", options.Run.ToString("x8", CultureInfo.InvariantCulture)),
            new("sessions", parsed.GetValue(_sessions)!),
            new("rate", parsed.GetValue(_rate) ?? "closed loop"),
            new("messages per connection", options.MessagesPerConnection == 0 ? "no limit" : options.MessagesPerConnection.ToString(CultureInfo.InvariantCulture)),
            new("content", files.Length > 0 ? string.Join(", ", files) : parsed.GetValue(_size)!),
            new("recipients", options.Recipients.Text),
            new("from", options.From.Text),
            new("to", options.To.Text),
            new("pipelining", options.Pipelining ? "yes" : "no"),
            new("bdat", options.Chunking ? "yes" : "no"),
            new("tls", parsed.GetValue(_tls)!),
            new("auth", parsed.GetValue(_auth) ?? "none"),
            new("warm-up", parsed.GetValue(_warmUp)!),
            new("threads", options.Threads.ToString(CultureInfo.InvariantCulture)),
        ];
    }

    public static TlsMode ReadTls(string text) => text switch { "starttls" => TlsMode.StartTls, "implicit" => TlsMode.Implicit, _ => TlsMode.None };

    private SslClientAuthenticationOptions TlsOptions(ParseResult parsed)
    {
        string? verify = parsed.GetValue(_verify);
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = verify ?? "sink.test",
            AllowTlsResume = !parsed.GetValue(_noResumption),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (verify is null)
        {
            // Who is at the other end of a load test is no secret that has to be kept from anybody.
#pragma warning disable CA5359
            options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }

        return options;
    }

    private string? Login(ParseResult parsed, out (SaslMechanisms, string, string) login)
    {
        login = (SaslMechanisms.None, "", "");
        if (parsed.GetValue(_auth) is not { } mechanism)
        {
            return parsed.GetValue(_user) is null ? null : "--user wants --auth plain, login or scram-sha-256";
        }

        string? password = Environment.GetEnvironmentVariable(PasswordVariable);
        if (parsed.GetValue(_passwordFile) is { } file)
        {
            try
            {
                password = File.ReadLines(file).FirstOrDefault();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return $"--password-file {file} can't be read: {e.Message}";
            }
        }

        if (parsed.GetValue(_user) is not { } user || string.IsNullOrEmpty(password))
        {
            return $"--auth wants --user NAME, and a password in --password-file FILE or ${PasswordVariable}";
        }

        login = (mechanism switch { "plain" => SaslMechanisms.Plain, "login" => SaslMechanisms.Login, _ => SaslMechanisms.ScramSha256 }, user, password);
        return null;
    }

    private static string? Bind(string[] texts, IPEndPoint target, out List<byte[]> addresses)
    {
        addresses = [];
        foreach (string text in texts)
        {
            if (IPAddress.TryParse(text, out IPAddress? one))
            {
                if (one.AddressFamily != target.AddressFamily)
                {
                    return $"--bind {text} and the target {target.Address} are of different kinds";
                }

                addresses.Add(Target.SocketAddress(new IPEndPoint(one, 0)));
                continue;
            }

            if (!IPNetwork.TryParse(text, out IPNetwork network) || network.BaseAddress.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork)
            {
                return $"--bind {text} is neither an address nor an IPv4 network, like 127.0.1.0/24";
            }

            // Without its first and last address, which are no host's.
            long size = network.PrefixLength < 31 ? (1L << (32 - network.PrefixLength)) - 2 : 1L << (32 - network.PrefixLength);
            byte[] octets = network.BaseAddress.GetAddressBytes();
            uint first = BinaryPrimitives.ReadUInt32BigEndian(octets) + (network.PrefixLength < 31 ? 1u : 0);
            for (uint i = 0; i < Math.Min(size, MaximumBind); i++)
            {
                BinaryPrimitives.WriteUInt32BigEndian(octets, first + i);
                addresses.Add(Target.SocketAddress(new IPEndPoint(new IPAddress(octets), 0)));
            }
        }

        return addresses.Count > MaximumBind ? $"--bind has more than {MaximumBind} addresses" : null;
    }

    private static string? Of(Option option, string? wrong) => wrong is null ? null : $"{option.Name}: {wrong}";

    private static Option<string> Text(string name, string description, string help, string standard) =>
        new(name) { Description = description, HelpName = help, DefaultValueFactory = _ => standard };

    private static Option<int> Number(string name, string description, int standard) =>
        new(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => standard };
}
