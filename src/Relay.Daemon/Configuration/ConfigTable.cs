using System.Collections.Frozen;
using System.Net;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Milter;
using Relay.Flow.Policy;

namespace Relay.Daemon.Configuration;

/// <summary>Every key there is, in the order in which they are printed. A new option gets one line here, and reader, printer, schema and reference know it.</summary>
internal static class ConfigTable
{
    private static readonly ConfigType<int> Count = new IntegerType(1, 1_000_000);
    private static readonly ConfigType<int> Port = new IntegerType(1, 65535);

    // A time-out under a millisecond is a slip; over a day it is none.
    private static readonly ConfigType<TimeSpan> Timeout = ConfigTypes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));
    private static readonly ConfigType<TimeSpan> Wait = ConfigTypes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(7));
    private static readonly ConfigType<TimeSpan> Life = ConfigTypes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(365));

    // Zero is "not at all".
    private static readonly ConfigType<TimeSpan> Hold = ConfigTypes.Duration(TimeSpan.Zero, TimeSpan.FromDays(365));

    // A client waits five minutes for the greeting (RFC 5321 §4.5.3.2.1), and a person not so long to log in.
    private static readonly ConfigType<TimeSpan> GreetDelay = ConfigTypes.Duration(TimeSpan.Zero, TimeSpan.FromMinutes(1));
    private static readonly ConfigType<TimeSpan> LoginDelay = ConfigTypes.Duration(TimeSpan.Zero, TimeSpan.FromSeconds(30));

    private static readonly ConfigType<int> NetworkFactor = new IntegerType(1, 256);
    private static readonly ConfigType<int> ListWeight = new IntegerType(-1000, 1000);

    private static readonly ConfigType<long> FullSize = new SizeType(0, 10L << 20);

    private static readonly ConfigType<long> DataRate = new SizeType(1, 1L << 30);

    // RFC 5321 §4.5.3.1.7: 64K octets at least.
    private static readonly ConfigType<long> MessageSize = new SizeType(64 * 1024, 2L << 30);

    // Below, a message with many recipients hardly fits; above, recovery would read no such file.
    private static readonly ConfigType<long> SegmentSize = new SizeType(1 << 20, 1 << 30);

    private static readonly ConfigType<int> CountOrNone = new IntegerType(0, 1_000_000);

    // RFC 5321 §4.5.3.1.8: what every server takes; the queue parts messages by it.
    private static readonly ConfigType<int> RecipientsPerMessage = new IntegerType(1, 100);

    private static readonly ConfigType<int> PipelineDepth = new IntegerType(1, 100);
    private static readonly ConfigType<int> Weight = new IntegerType(1, 1000);

    private static readonly ConfigType<int> MessagesInMemory = new IntegerType(1000, 1_000_000_000);

    public static readonly IReadOnlyList<ConfigSection> Sections =
    [
        new("", "The top of the file, before the first section.",
        [
            ConfigKey.Of("hostname", ConfigTypes.Hostname, d => d.Hostname, (d, v) => d.Hostname = v,
                "The relay's own name: greeting, EHLO, Received fields. It should resolve to this host, and this host's address back to it.", "the machine's name"),
            ConfigKey.Of("state", ConfigTypes.FilePath, d => d.StatePath, (d, v) => d.StatePath = v,
                "The folder for what is kept over restarts besides mail: MTA-STS policies, bans, counts for `[tls_reports]`, what users have sent lately. Made when there is something to keep. A change needs a restart.", "`state` beside the file"),
        ]),
        new("spool", "Where accepted mail is kept until it is delivered. A change needs a restart.",
        [
            ConfigKey.Of("path", ConfigTypes.FilePath, d => d.Spool.Paths is [var only] ? only : null, (d, v) => d.Spool = d.Spool with { Paths = [v] },
                "The folder; made with mode 0700 when it does not exist. One relay at a time.", "`spool` beside the file"),
            ConfigKey.Of("paths", new ListType<string>(ConfigTypes.FilePath, 1), d => d.Spool.Paths.Count > 1 ? d.Spool.Paths : null, (d, v) => d.Spool = d.Spool with { Paths = v },
                "Instead of `path`: several folders, one on each disk, which work in parallel. All have to be there at each start; one may be added at any.", "none"),
            ConfigKey.Of("durability", ConfigTypes.Durability, d => d.Spool.Durability, (d, v) => d.Spool = d.Spool with { Durability = v },
                "`sync`: a message is acknowledged when the disk has it. `os`: when the operating system has it; a power cut may lose acknowledged mail."),
            ConfigKey.Of("segment_size", SegmentSize, d => (long)d.Spool.SegmentSize, (d, v) => d.Spool = d.Spool with { SegmentSize = (int)(v & -4096) },
                "A file of the log, made in full ahead of need; the log takes four at least. Smaller for a small disk. Rounded down to pages of 4096."),
            ConfigKey.Of("messages_in_memory", MessagesInMemory, d => d.Spool.MessagesInMemory, (d, v) => d.Spool = d.Spool with { MessagesInMemory = v },
                "The most of the queue that is in memory, about half a KiB each. What comes beyond waits on disk alone, in order, and is acknowledged up to 5 s later. A third of the memory that there is, a container's limit counting, is the most that takes effect."),
        ]),
        new("listener", "An address on which clients are served; may stand there many times. Without any: 127.0.0.1:2525, relay, starttls. A change needs a restart.",
        [
            ConfigKey.Of("address", ConfigTypes.ListenAddress, d => d.Listener.EndPoint, (d, v) => d.Listener.EndPoint = v,
                "Port 0 lets the system choose. `[::]` serves IPv4 as well.", required: true),
            ConfigKey.Of("role", ConfigTypes.ListenerRole, d => d.Listener.Role, (d, v) => d.Listener.Role = v,
                "`relay`: port 25, for servers. `submission`: ports 587 and 465, for users, who must authenticate."),
            ConfigKey.Of("tls", ConfigTypes.ListenerTls, d => d.Listener.Tls, (d, v) => d.Listener.Tls = v,
                "`starttls`: offered. `implicit`: from the first octet. `none`: never."),
            ConfigKey.Of("tls_profile", ConfigTypes.TlsProfile, d => d.Listener.Profile, (d, v) => d.Listener.Profile = v, "As `profile` of `[tls]`, for this listener.", "as `[tls]` says"),
            ConfigKey.Of("client_certificate", ConfigTypes.ClientCertificate, d => d.Listener.ClientCertificate, (d, v) => d.Listener.ClientCertificate = v,
                "`ask`: clients are asked for a certificate, and may have none. `require`: without one that `client_ca` vouches for (or any, without `client_ca`) the handshake fails. Sessions of such a listener aren't resumed."),
            ConfigKey.Of("proxy_from", new ListType<IPNetwork>(ConfigTypes.ProxyNetwork), d => d.Listener.ProxyFrom, (d, v) => d.Listener.ProxyFrom = v,
                "Networks of proxies: each of their connections must begin with a PROXY header (version 1 or 2), and the client it names is the one that counts."),
        ])
        {
            Items = new(d => d.Listeners.Count, (d, i) => d.Listener = d.Listeners[i], d => d.Listeners.Add(d.Listener = new ListenerDraft())),
        },
        new("tls", "TLS with clients. Without a certificate here or in `[[certificate]]`, a self-signed one is made at start.",
        [
            ConfigKey.Of("certificate", ConfigTypes.FilePath, d => d.Certificate.Path, (d, v) => d.Certificate.Path = v,
                "A PEM file: the certificate, then its chain; or a PFX file. It is shown when no `[[certificate]]` is for the server that the client names. When the file changes, it is read again within seconds.", "none"),
            ConfigKey.Of("key", ConfigTypes.FilePath, d => d.Certificate.KeyPath, (d, v) => d.Certificate.KeyPath = v, "A PEM file: its private key.", "inside `certificate`"),
            ConfigKey.Of("password", ConfigTypes.Secret, d => d.Certificate.Password, (d, v) => d.Certificate.Password = v,
                "Of an encrypted key or a PFX file: `{ file = \"…\" }` or `\"${NAME}\"`.", "none"),
            ConfigKey.Of("profile", ConfigTypes.TlsProfile, d => d.Tls.Profile, (d, v) => d.Tls = d.Tls with { Profile = v },
                "`modern`: TLS 1.3. `intermediate`: TLS 1.2 too, with forward secrecy (ECDHE with AES, SHA-2). `old`: what else TLS 1.2 has with AES, for servers on port 25 that would come in clear otherwise; no session is resumed then."),
            ConfigKey.Of("client_ca", ConfigTypes.FilePath, d => d.Tls.ClientAuthorityPath, (d, v) => d.Tls = d.Tls with { ClientAuthorityPath = v },
                "A PEM file: the authorities that vouch for clients' certificates, where a listener has `client_certificate`.", "none"),
        ]),
        new("certificate", "A further certificate, for clients that name one of its servers (SNI); may stand there many times, the first that has the name is shown.",
        [
            ConfigKey.Of("certificate", ConfigTypes.FilePath, d => d.Certificates.Current.Path, (d, v) => d.Certificates.Current.Path = v, "As in `[tls]`.", required: true),
            ConfigKey.Of("key", ConfigTypes.FilePath, d => d.Certificates.Current.KeyPath, (d, v) => d.Certificates.Current.KeyPath = v, "As in `[tls]`.", "inside `certificate`"),
            ConfigKey.Of("password", ConfigTypes.Secret, d => d.Certificates.Current.Password, (d, v) => d.Certificates.Current.Password = v, "As in `[tls]`.", "none"),
            ConfigKey.Of("names", new ListType<string>(ConfigTypes.ServerName, 1), d => d.Certificates.Current.Names.Count == 0 ? null : d.Certificates.Current.Names, (d, v) => d.Certificates.Current.Names = v,
                "The servers that it is for: names, `*.domain` for all one label below.", "the DNS names in it"),
        ])
        {
            Items = new(d => d.Certificates.All.Count, (d, i) => d.Certificates.Select(i), d => d.Certificates.Add()),
        },
        new("access", "Who may send where.",
        [
            ConfigKey.Of("relay_from", new ListType<IPNetwork>(ConfigTypes.ClientNetwork), d => d.Access.RelayFrom, (d, v) => d.Access = d.Access with { RelayFrom = v },
                "Networks whose clients may send to any domain."),
            ConfigKey.Of("relay_domains", new ListType<string>(ConfigTypes.Domain), d => d.Access.RelayDomains.Order(StringComparer.Ordinal).ToArray(), (d, v) => d.SetRelayDomains(v),
                "Domains accepted from anyone, because this relay is their MX."),
            ConfigKey.Of("check_domains", ConfigTypes.Boolean, d => d.Access.CheckDomains, (d, v) => d.Access = d.Access with { CheckDomains = v },
                "Whether the domain of a stranger's sender, and of a recipient that a user names and that goes by MX, has to exist in DNS and to take mail. MAIL and RCPT wait 2 s at most; who can't be told about is believed."),
            ConfigKey.Of("recipients", ConfigTypes.FilePath, d => d.RecipientsPath, (d, v) => d.RecipientsPath = v,
                "A file with the addresses that exist in `relay_domains`, one a line, `#` for comments; others are refused at RCPT.", "every address exists"),
            ConfigKey.Of("users", ConfigTypes.FilePath, d => d.UsersPath, (d, v) => d.UsersPath = v,
                "The file of the users who may log in, inside TLS; `relay user` makes it. Read again at a reload.", "nobody can log in"),
            ConfigKey.Of("dovecot_auth", ConfigTypes.UnixSocket, d => d.DovecotPath, (d, v) => d.DovecotPath = v,
                "Instead of `users`: the socket of a Dovecot that knows the users, `unix:/run/dovecot/auth-client`.", "none"),
            ConfigKey.Of("relay_certificates", new ListType<string>(ConfigTypes.Fingerprint), d => d.Access.RelayCertificates.Order(StringComparer.Ordinal).ToArray(),
                (d, v) => d.Access = d.Access with { RelayCertificates = v.ToFrozenSet(StringComparer.Ordinal) },
                "Certificates by which clients may send to any domain, as from `relay_from`, on listeners with `client_certificate`: `\"sha256:…\"`, as `openssl x509 -fingerprint -sha256` prints it."),
            ConfigKey.Of("blocked", new ListType<IPNetwork>(ConfigTypes.Network), d => d.Access.Blocked, (d, v) => d.Access = d.Access with { Blocked = v },
                "Networks whose clients are turned away at the greeting, with 554."),
            ConfigKey.Of("xclient_from", new ListType<IPNetwork>(ConfigTypes.ProxyNetwork), d => d.Access.XClientFrom, (d, v) => d.Access = d.Access with { XClientFrom = v },
                "Networks of proxies that may say by XCLIENT for whom they speak; they are believed everything, a login included."),
            ConfigKey.Of("postmaster", ConfigTypes.Mailbox, d => d.Access.Postmaster, (d, v) => d.Access = d.Access with { Postmaster = v },
                "Where mail for `<postmaster>` without a domain goes.", "postmaster at `hostname`"),
        ]),
        new("limits", "What clients may take.",
        [
            ConfigKey.Of("message_size", MessageSize, d => d.Limits.MessageSize, (d, v) => d.Limits = d.Limits with { MessageSize = v }, "The largest message."),
            ConfigKey.Of("recipients", Count, d => d.Limits.Recipients, (d, v) => d.Limits = d.Limits with { Recipients = v }, "Recipients of one message; RFC 5321 asks for 100 at least."),
            ConfigKey.Of("connections", Count, d => d.Limits.Connections, (d, v) => d.Limits = d.Limits with { Connections = v },
                "Clients at a time. The open-file limit less 512 is the most that takes effect."),
            ConfigKey.Of("connections_per_address", Count, d => d.Limits.ConnectionsPerAddress, (d, v) => d.Limits = d.Limits with { ConnectionsPerAddress = v }, "Clients at a time from one address."),
            ConfigKey.Of("connections_per_network", Count, d => d.Limits.ConnectionsPerNetwork, (d, v) => d.Limits = d.Limits with { ConnectionsPerNetwork = v },
                "Clients at a time from one network (/24 of IPv4, /64 of IPv6) that may not relay."),
            ConfigKey.Of("command_timeout", Timeout, d => d.Limits.CommandTimeout, (d, v) => d.Limits = d.Limits with { CommandTimeout = v }, "How long a client may take for its next command."),
            ConfigKey.Of("data_timeout", Timeout, d => d.Limits.DataTimeout, (d, v) => d.Limits = d.Limits with { DataTimeout = v }, "How long a client may be idle inside a message."),
            ConfigKey.Of("data_rate", DataRate, d => d.Limits.DataRate, (d, v) => d.Limits = d.Limits with { DataRate = v },
                "A message slower than so much a second, on the whole, has `data_timeout` to end in all."),
            ConfigKey.Of("errors", Count, d => d.Limits.Errors, (d, v) => d.Limits = d.Limits with { Errors = v }, "Refused commands before the connection is closed with 421."),
        ]),
        new("abuse", "What is done against clients that guess passwords and mailboxes, don't keep to the protocol, or stand on block lists.",
        [
            ConfigKey.Of("enabled", ConfigTypes.Boolean, d => d.Abuse.Enabled, (d, v) => d.Abuse = d.Abuse with { Enabled = v },
                "Whether anything is counted, delayed or banned at all."),
            ConfigKey.Of("allow", new ListType<IPNetwork>(ConfigTypes.Network), d => d.Abuse.Allow, (d, v) => d.Abuse = d.Abuse with { Allow = v },
                "Networks to which none of this applies, `blocked` neither where they are the narrower ones. They may not relay for that."),
            ConfigKey.Of("allow_file", ConfigTypes.FilePath, d => d.AllowPath, (d, v) => d.AllowPath = v, "A file with more of them, one a line, `#` for comments. Read again at a reload.", "none"),
            ConfigKey.Of("deny_file", ConfigTypes.FilePath, d => d.DenyPath, (d, v) => d.DenyPath = v, "The same for networks that are turned away at the greeting, as by `blocked`.", "none"),
            ConfigKey.Of("ban_trusted", ConfigTypes.Boolean, d => d.Abuse.BanTrusted, (d, v) => d.Abuse = d.Abuse with { BanTrusted = v },
                "Whether this machine, proxies and the networks of `relay_from` can be banned and held to rates as others can."),
            ConfigKey.Of("failed_logins", ConfigTypes.Rate, d => d.Abuse.Logins, (d, v) => d.Abuse = d.Abuse with { Logins = v }, "So many failed log-ins in a time from one address, and it is banned."),
            ConfigKey.Of("login_delay", LoginDelay, d => d.Abuse.LongestDelay, (d, v) => d.Abuse = d.Abuse with { LongestDelay = v },
                "The longest wait before a password is looked at, after three wrong ones from that address or for that user: it begins at a second and doubles. `0s`: none."),
            ConfigKey.Of("unknown_recipients", ConfigTypes.Rate, d => d.Abuse.Recipients, (d, v) => d.Abuse = d.Abuse with { Recipients = v },
                "So many recipients that don't exist (`recipients`), asked for from one address, and it is banned."),
            ConfigKey.Of("refused_commands", ConfigTypes.Rate, d => d.Abuse.Commands, (d, v) => d.Abuse = d.Abuse with { Commands = v }, "The same for other commands that are refused; what nobody does by mistake counts ten times."),
            ConfigKey.Of("connection_rate", ConfigTypes.Rate, d => d.Abuse.Connections, (d, v) => d.Abuse = d.Abuse with { Connections = v }, "The most connections in a time from one address; more are told to come later.", "none"),
            ConfigKey.Of("network_factor", NetworkFactor, d => d.Abuse.NetworkFactor, (d, v) => d.Abuse = d.Abuse with { NetworkFactor = v },
                "A network (/24 of IPv4, /64 of IPv6) has so many times what one address has of all these."),
            ConfigKey.Of("ban", Wait, d => d.Abuse.Ban, (d, v) => d.Abuse = d.Abuse with { Ban = v }, "The first ban; each one after it is twice as long."),
            ConfigKey.Of("ban_max", Wait, d => d.Abuse.LongestBan, (d, v) => d.Abuse = d.Abuse with { LongestBan = v }, "The longest ban, and how long one that is over counts for the next."),
            ConfigKey.Of("greet_delay", GreetDelay, d => d.Abuse.GreetDelay, (d, v) => d.Abuse = d.Abuse with { GreetDelay = v },
                "How long strangers wait for the greeting on listeners with the role `relay`; who speaks meanwhile is shown out with 554. `0s`: not at all."),
            ConfigKey.Of("dnsbl_threshold", Weight, d => d.Abuse.ListThreshold, (d, v) => d.Abuse = d.Abuse with { ListThreshold = v }, "What the weights of the `[[dnsbl]]`s that list a client have to come to for it to be refused."),
            ConfigKey.Of("dnsbl_action", ConfigTypes.ListAction, d => d.Abuse.ListsOnlyMark, (d, v) => d.Abuse = d.Abuse with { ListsOnlyMark = v }, "`refuse`: at RCPT, with 550. `mark`: only log and count."),
            ConfigKey.Of("dnsbl_submission", ConfigTypes.Boolean, d => d.Abuse.ListsOnSubmission, (d, v) => d.Abuse = d.Abuse with { ListsOnSubmission = v },
                "Whether clients that haven't logged in are looked up on listeners with the role `submission` too."),
            ConfigKey.Of("dnsbl_wait", Timeout, d => d.Abuse.ListWait, (d, v) => d.Abuse = d.Abuse with { ListWait = v }, "How long RCPT waits for the lists; those that are later have nothing against the client."),
        ]),
        new("dnsbl", "A list of addresses in DNS (RFC 5782) that is asked about strangers; may stand there many times. It is used while it lists 127.0.0.2 and not 127.0.0.1.",
        [
            ConfigKey.Of("zone", ConfigTypes.Domain, d => d.Lists.Current.Zone is { Length: > 0 } zone ? zone : null, (d, v) => DnsList(d, l => l with { Zone = v }), "Below which addresses are looked up.", required: true),
            ConfigKey.Of("weight", ListWeight, d => d.Lists.Current.Weight, (d, v) => DnsList(d, l => l with { Weight = v }), "What it adds for a client that it lists; below zero for a list of those who are to be let in."),
            ConfigKey.Of("answers", new ListType<DnsListAnswers>(ConfigTypes.ListAnswers), d => d.Lists.Current.Answers, (d, v) => DnsList(d, l => l with { Answers = v }),
                "The answers that count, like `\"127.0.0.2\"` or `\"127.0.0.[2..4;9]\"`; an empty list: all in 127.0.0.0/8. Those in 127.255.255.0/24 mean that the list refuses to answer, and never count."),
        ])
        {
            Items = new(d => d.Lists.All.Count, (d, i) => d.Lists.Select(i), d => d.Lists.Add()),
        },
        new("submission", "What users may send who have logged in. In the users file each may have values of his own, by the same names, and a `tenant`. What is over a limit is refused with 450 4.7.1 until it is free again.",
        [
            ConfigKey.Of("messages_per_hour", CountOrNone, d => d.UserLimits.MessagesPerHour ?? 0, (d, v) => d.UserLimits = d.UserLimits with { MessagesPerHour = v }, "Messages of one user in any hour; 0: as many as he likes."),
            ConfigKey.Of("messages_per_day", CountOrNone, d => d.UserLimits.MessagesPerDay ?? 0, (d, v) => d.UserLimits = d.UserLimits with { MessagesPerDay = v }, "The same in any 24 hours."),
            ConfigKey.Of("recipients_per_hour", CountOrNone, d => d.UserLimits.RecipientsPerHour ?? 0, (d, v) => d.UserLimits = d.UserLimits with { RecipientsPerHour = v }, "Recipients of these messages in any hour; 0: as many as he likes."),
            ConfigKey.Of("recipients_per_day", CountOrNone, d => d.UserLimits.RecipientsPerDay ?? 0, (d, v) => d.UserLimits = d.UserLimits with { RecipientsPerDay = v }, "The same in any 24 hours."),
            ConfigKey.Of("message_size", MessageSize, d => d.UserLimits.MessageSize, (d, v) => d.UserLimits = d.UserLimits with { MessageSize = v }, "The largest message of a user, when that is less than in `[limits]`.", "as `[limits]` says"),
            ConfigKey.Of("senders", new ListType<SenderTemplate>(ConfigTypes.SenderTemplate), d => d.Senders, (d, v) => d.Senders = v,
                "With `dovecot_auth`: from where a user may send, besides from his name when that is an address: addresses, `*@domain`, `*@*.domain`, or `{user}@domain` with his name in it."),
        ]),
        new("oauth", "Users log in with access tokens (JWT) as well: OAUTHBEARER and XOAUTH2. A user named in a token must be in the users file.",
        [
            ConfigKey.Of("issuer", ConfigTypes.Word, d => d.OAuth.Issuer, (d, v) => d.OAuth.Issuer = v, "Whose tokens they are: `iss`. Without it there are none.", "none"),
            ConfigKey.Of("audience", new ListType<string>(ConfigTypes.Word, 1), d => d.OAuth.Audiences, (d, v) => d.OAuth.Audiences = v, "For whom they are: one of these is in `aud`.", "none"),
            ConfigKey.Of("jwks", ConfigTypes.FileOrHttps, d => d.OAuth.KeysPlace, (d, v) => d.OAuth.KeysPlace = v,
                "The public keys that sign them, a JSON Web Key Set: a file, read again at a reload, or an `https://` URL, fetched each hour and when a token names a key that isn't known.", "none"),
            ConfigKey.Of("claim", ConfigTypes.Word, d => d.OAuth.Claim, (d, v) => d.OAuth.Claim = v, "What in a token is the name of the user in the users file: `email`, `sub`, `preferred_username` or another."),
            ConfigKey.Of("algorithms", new ListType<string>(ConfigTypes.TokenAlgorithm, 1), d => d.OAuth.Algorithms, (d, v) => d.OAuth.Algorithms = v, "How they may be signed."),
            ConfigKey.Of("clock_skew", ConfigTypes.Duration(TimeSpan.Zero, TimeSpan.FromMinutes(10)), d => d.OAuth.ClockSkew, (d, v) => d.OAuth.ClockSkew = v, "By how much clocks may differ."),
            ConfigKey.Of("scope", ConfigTypes.Word, d => d.OAuth.Scope, (d, v) => d.OAuth.Scope = v, "A word that has to be in `scope` (or `scp`).", "none"),
        ]),
        new("smtp", "What clients are offered.",
        [
            ConfigKey.Of("binarymime", ConfigTypes.Boolean, d => d.Smtp.BinaryMime, (d, v) => d.Smtp = d.Smtp with { BinaryMime = v },
                "BINARYMIME: only for senders whose mail all goes to servers that take it too; elsewhere such a message is returned."),
            ConfigKey.Of("max_hold", Hold, d => d.Smtp.MaximumHold, (d, v) => d.Smtp = d.Smtp with { MaximumHold = v },
                "FUTURERELEASE: how long a client that may relay can have a message held back; `0s` doesn't offer it."),
        ]),
        new("dns", "How names are looked up.",
        [
            ConfigKey.Of("servers", new ListType<IPEndPoint>(ConfigTypes.ServerAddress), d => d.Dns.Servers, (d, v) => d.Dns = d.Dns with { Servers = v },
                "Resolvers, asked in this order; an empty list means the system's. One on this machine is best: answers from afar can be forged."),
            ConfigKey.Of("trust_ad", ConfigTypes.Boolean, d => d.Dns.TrustAuthenticData, (d, v) => d.Dns = d.Dns with { TrustAuthenticData = v },
                "Whether the AD bit of a resolver elsewhere is believed (for DANE), not only that of one on this machine."),
            ConfigKey.Of("reverse", ConfigTypes.Boolean, d => d.Dns.Reverse, (d, v) => d.Dns = d.Dns with { Reverse = v }, "Look up the names of clients for Received fields and logs."),
        ]),
        new("delivery", "How mail leaves.",
        [
            ConfigKey.Of("port", Port, d => d.Delivery.Port, (d, v) => d.Delivery = d.Delivery with { Port = v }, "The port of MX hosts; another one than 25 is for tests."),
            ConfigKey.Of("tls", ConfigTypes.OutboundTls, d => d.Delivery.Tls, (d, v) => d.Delivery = d.Delivery with { Tls = v },
                "`opportunistic`: when offered. `required`: always, with any certificate. `verified`: always, with a certificate valid for the host. `none`: never."),
            ConfigKey.Of("dane", ConfigTypes.Boolean, d => d.Delivery.Dane, (d, v) => d.Delivery = d.Delivery with { Dane = v },
                "Whether TLSA records (RFC 7672) raise that, but `none`; they count where the resolver is on this machine and validates, or `trust_ad` says so."),
            ConfigKey.Of("mta_sts", ConfigTypes.Boolean, d => d.Delivery.MtaSts, (d, v) => d.Delivery = d.Delivery with { MtaSts = v },
                "Whether MTA-STS policies of domains (RFC 8461) raise it, but `none`, where TLSA records don't."),
            ConfigKey.Of("mta_sts_port", Port, d => d.Delivery.StsPort, (d, v) => d.Delivery = d.Delivery with { StsPort = v }, "The port of the servers with those policies; another one than 443 is for tests."),
            ConfigKey.Of("certificate", ConfigTypes.FilePath, d => d.DeliveryCertificate.Path, (d, v) => d.DeliveryCertificate.Path = v,
                "A PEM file: the certificate, then its chain, or a PFX file, by which the relay says who it is to servers that ask.", "none"),
            ConfigKey.Of("key", ConfigTypes.FilePath, d => d.DeliveryCertificate.KeyPath, (d, v) => d.DeliveryCertificate.KeyPath = v, "A PEM file: that certificate's private key, not encrypted.", "inside `certificate`"),
            ConfigKey.Of("retry", new ListType<TimeSpan>(Wait, 1), d => d.Delivery.Retry, (d, v) => d.Delivery = d.Delivery with { Retry = v },
                "The wait after each failed attempt; the last one repeats. Jitter is added."),
            ConfigKey.Of("expire", Life, d => d.Delivery.Expire, (d, v) => d.Delivery = d.Delivery with { Expire = v }, "How long after its arrival a message is returned as undeliverable."),
            ConfigKey.Of("expire_reports", Life, d => d.Delivery.ExpireReports, (d, v) => d.Delivery = d.Delivery with { ExpireReports = v }, "The same for reports (the null reverse-path), when that is shorter. What can't be delivered of them is noted as dead_letter in the delivery log."),
            ConfigKey.Of("classes", ConfigTypes.FilePath, d => d.ClassesPath, (d, v) => d.ClassesPath = v,
                "A file of rules for what answers of servers mean, which stand before the relay's own: class, perhaps `temporary` or `permanent`, codes, `/pattern/`, one rule a line.", "the relay's own rules"),
            ConfigKey.Of("ip", ConfigTypes.IpFamilies, d => d.Delivery.Ip, (d, v) => d.Delivery = d.Delivery with { Ip = v }, "Which addresses of a host are tried."),
            ConfigKey.Of("egress", ConfigTypes.Name, d => d.Egress, (d, v) => d.Egress = v, "The `[[source]]` or `[[pool]]` from which mail leaves.", "the system chooses the address"),
            ConfigKey.Of("connections", Count, d => d.Delivery.Limits.Connections, (d, v) => Limit(d, l => l with { Connections = v }),
                "The most connections at a time to one site, which is the hosts that some domains' mail goes to. How many there are is learned from what the site bears."),
            ConfigKey.Of("messages_per_connection", CountOrNone, d => d.Delivery.Limits.MessagesPerConnection, (d, v) => Limit(d, l => l with { MessagesPerConnection = v }),
                "The most messages on one connection; 0: as many as there are in the time that a connection is kept."),
            ConfigKey.Of("rate", ConfigTypes.Rate, d => d.Delivery.Limits.Rate, (d, v) => Limit(d, l => l with { Rate = v }),
                "The most messages in a time to one site, like `\"100/1m\"`. A tenth of them may go at once, the others at even distances.", "none"),
            ConfigKey.Of("recipients_per_message", RecipientsPerMessage, d => d.Delivery.Limits.RecipientsPerMessage, (d, v) => Limit(d, l => l with { RecipientsPerMessage = v }),
                "The most recipients of a message that are sent together; what has more is sent several times."),
            ConfigKey.Of("pipeline_depth", PipelineDepth, d => d.Delivery.PipelineDepth, (d, v) => d.Delivery = d.Delivery with { PipelineDepth = v },
                "Messages under way at a time on one connection, where the server offers PIPELINING: so many may arrive twice when it is lost. 1: one after the other."),
        ]),
        new("delivery.timeouts", "How long each phase of a delivery may take (RFC 5321 §4.5.3.2).",
        [
            Phase("connect", t => t.Connect, (t, v) => t with { Connect = v }, "For the connection."),
            Phase("tls", t => t.Tls, (t, v) => t with { Tls = v }, "For the TLS handshake."),
            Phase("greeting", t => t.Greeting, (t, v) => t with { Greeting = v }, "For the greeting."),
            Phase("command", t => t.Command, (t, v) => t with { Command = v }, "For the reply to EHLO, STARTTLS, MAIL and RCPT."),
            Phase("data", t => t.Data, (t, v) => t with { Data = v }, "For the 354 to DATA."),
            Phase("body", t => t.Body, (t, v) => t with { Body = v }, "For each piece of the message to be taken."),
            Phase("end_of_data", t => t.EndOfData, (t, v) => t with { EndOfData = v }, "For the reply to the whole message; too short a time makes duplicates."),
        ]),
        new("tls_policy", "An exception to `tls` of `[delivery]` for domains that go to their MX; may stand there many times, the first that matches wins.",
        [
            ConfigKey.Of("domain", ConfigTypes.DomainPattern, d => d.TlsRules.Current.Domain, (d, v) => TlsRule(d, r => r with { Domain = v }),
                "The domain of recipients, `*.domain` for all below it, or `*` for every one.", required: true),
            ConfigKey.Of("tls", ConfigTypes.OutboundTls, d => d.TlsRules.Current.Tls, (d, v) => TlsRule(d, r => r with { Tls = v }), "As in `[delivery]`."),
        ])
        {
            Items = new(d => d.TlsRules.All.Count, (d, i) => d.TlsRules.Select(i), d => d.TlsRules.Add()),
        },
        new("source", "An address of this machine from which mail may leave, and the name that goes with it; may stand there many times.",
        [
            ConfigKey.Of("name", ConfigTypes.Name, d => d.Source.Name, (d, v) => d.Source.Name = v, "What `egress` and `[[pool]]` call it.", required: true),
            ConfigKey.Of("address4", ConfigTypes.Ipv4Address, d => d.Source.Ipv4, (d, v) => d.Source.Ipv4 = v, "For servers with IPv4 addresses; without it they are not connected to from here.", "none"),
            ConfigKey.Of("address6", ConfigTypes.Ipv6Address, d => d.Source.Ipv6, (d, v) => d.Source.Ipv6 = v, "The same for IPv6. One of the two at least.", "none"),
            ConfigKey.Of("hostname", ConfigTypes.Hostname, d => d.Source.Hostname, (d, v) => d.Source.Hostname = v,
                "The name in EHLO: the addresses should resolve back to it.", "the relay's `hostname`"),
        ])
        {
            Items = new(d => d.Sources.Count, (d, i) => d.Source = d.Sources[i], d => d.Sources.Add(d.Source = new SourceDraft())),
        },
        new("pool", "Sources that share the connections of what leaves by it; may stand there many times.",
        [
            ConfigKey.Of("name", ConfigTypes.Name, d => d.Pool.Name, (d, v) => d.Pool.Name = v, "What `egress` calls it.", required: true),
            ConfigKey.Of("sources", new ListType<PoolMember>(ConfigTypes.PoolMember, 1), d => d.Pool.Members, (d, v) => d.Pool.Members = v,
                "Names of sources, with a weight behind a colon where it is not 1: `[\"a\", \"b:3\"]` makes three of four connections from b.", required: true),
        ])
        {
            Items = new(d => d.Pools.Count, (d, i) => d.Pool = d.Pools[i], d => d.Pools.Add(d.Pool = new PoolDraft())),
        },
        new("route", "An exception to MX look-up; may stand there many times, the first that matches wins. A domain without a route goes to its MX.",
        [
            ConfigKey.Of("domain", ConfigTypes.DomainPattern, d => d.Route.Domain, (d, v) => d.Route.Domain = v,
                "A domain, `*.domain` for all below it, or `*` for every one (a smart host).", required: true),
            ConfigKey.Of("next_hop", ConfigTypes.NextHop, d => d.Route.NextHop, (d, v) => d.Route.NextHop = v,
                "`smtp://host:port`, `smtps://host:port` for implicit TLS, `lmtp://host:port` or `lmtp+unix:///path` for LMTP.", required: true),
            ConfigKey.Of("tls", ConfigTypes.OutboundTls, d => d.Route.Tls, (d, v) => d.Route.Tls = v, "As in `[delivery]`, for this route.", "as `[delivery]` says"),
            ConfigKey.Of("user", ConfigTypes.User, d => d.Route.User, (d, v) => d.Route.User = v, "The name under which the relay logs in at the next hop.", "it doesn't log in"),
            ConfigKey.Of("password", ConfigTypes.Secret, d => d.Route.Password, (d, v) => d.Route.Password = v,
                "Its password: `{ file = \"…\" }` or `\"${NAME}\"`. It goes out inside TLS or on this machine only, unless this route says `tls = \"none\"`.", "none"),
            ConfigKey.Of("egress", ConfigTypes.Name, d => d.Route.Egress, (d, v) => d.Route.Egress = v, "As in `[delivery]`, for this route.", "as `[delivery]` says"),
        ])
        {
            Items = new(d => d.Routes.Count, (d, i) => d.Route = d.Routes[i], d => d.Routes.Add(d.Route = new RouteDraft())),
        },
        new("limit", "An exception to the limits of `[delivery]`; may stand there many times, the first that matches wins. It has either `domain` or `mx`; what it leaves out is as `[delivery]` says.",
        [
            ConfigKey.Of("domain", ConfigTypes.DomainPattern, d => d.LimitRules.Current.Domain, (d, v) => Rule(d, l => l with { Domain = v }),
                "The domain of recipients, `*.domain` for all below it, or `*` for every one.", "none"),
            ConfigKey.Of("mx", ConfigTypes.DomainPattern, d => d.LimitRules.Current.Mx, (d, v) => Rule(d, l => l with { Mx = v }),
                "The same for hosts: every host that the mail can go to has such a name.", "none"),
            ConfigKey.Of("connections", Count, d => d.LimitRules.Current.Connections, (d, v) => Rule(d, l => l with { Connections = v }), "As in `[delivery]`.", "as `[delivery]` says"),
            ConfigKey.Of("messages_per_connection", CountOrNone, d => d.LimitRules.Current.MessagesPerConnection, (d, v) => Rule(d, l => l with { MessagesPerConnection = v }),
                "As in `[delivery]`.", "as `[delivery]` says"),
            ConfigKey.Of("rate", ConfigTypes.Rate, d => d.LimitRules.Current.Rate, (d, v) => Rule(d, l => l with { Rate = v }), "As in `[delivery]`.", "as `[delivery]` says"),
            ConfigKey.Of("recipients_per_message", RecipientsPerMessage, d => d.LimitRules.Current.RecipientsPerMessage, (d, v) => Rule(d, l => l with { RecipientsPerMessage = v }),
                "As in `[delivery]`.", "as `[delivery]` says"),
        ])
        {
            Items = new(d => d.LimitRules.All.Count, (d, i) => d.LimitRules.Select(i), d => d.LimitRules.Add()),
        },
        new("tenant", "Those whose mail shares this relay fairly; may stand there many times. One called `default` speaks of all clients that are nobody else's.",
        [
            ConfigKey.Of("name", ConfigTypes.Name, d => d.Tenants.Current.Options.Name is { Length: > 0 } name ? name : null, (d, v) => d.Tenants.Current.Options = d.Tenants.Current.Options with { Name = v },
                "What it is called in reports.", required: true),
            ConfigKey.Of("networks", new ListType<IPNetwork>(ConfigTypes.Network), d => d.Tenants.Current.Options.Networks, (d, v) => d.Tenants.Current.Options = d.Tenants.Current.Options with { Networks = v },
                "Where its clients are; of networks within each other the narrowest counts."),
            ConfigKey.Of("weight", Weight, d => d.Tenants.Current.Options.Weight, (d, v) => d.Tenants.Current.Options = d.Tenants.Current.Options with { Weight = v },
                "Its share, beside those of others that have mail for the same site."),
            ConfigKey.Of("egress", ConfigTypes.Name, d => d.Tenants.Current.Egress, (d, v) => d.Tenants.Current.Egress = v,
                "The `[[source]]` or `[[pool]]` from which its mail leaves, where no route says another.", "as `[delivery]` says"),
        ])
        {
            Items = new(d => d.Tenants.All.Count, (d, i) => d.Tenants.Select(i), d => d.Tenants.Add()),
        },
        new("reports", "What senders are told of their mail.",
        [
            ConfigKey.Of("language", ConfigTypes.ReportLanguage, d => d.Reports.Language, (d, v) => d.Reports = d.Reports with { Language = v }, "The language of the part for people."),
            ConfigKey.Of("texts", ConfigTypes.FilePath, d => d.ReportTextsPath, (d, v) => d.ReportTextsPath = v,
                "A file of texts that take the place of the relay's own: `[name]` begins one, `{host}`, `{id}`, `{until}` and `{remote}` are filled in.", "the relay's own texts"),
            ConfigKey.Of("full_size", FullSize, d => d.Reports.FullSize, (d, v) => d.Reports = d.Reports with { FullSize = v },
                "The largest message that comes back whole to a sender who asks for it (RET=FULL); of others the header does."),
            ConfigKey.Of("delay_after", Hold, d => d.Reports.DelayAfter, (d, v) => d.Reports = d.Reports with { DelayAfter = v },
                "After how long a sender who asks for it (NOTIFY=DELAY) is told that mail is late; `0s`: never."),
        ]),
        new("tls_reports", "Reports to other domains on TLS with their hosts (RFC 8460), each day, to those that publish where they want them.",
        [
            ConfigKey.Of("contact", ConfigTypes.Mailbox, d => d.TlsReports.Contact, (d, v) => d.TlsReports = d.TlsReports with { Contact = v },
                "The mailbox that they come from and that is asked about them. Without it nothing is counted or sent.", "none"),
            ConfigKey.Of("organization", ConfigTypes.Words, d => d.TlsReports.Organization, (d, v) => d.TlsReports = d.TlsReports with { Organization = v }, "Who reports, in words.", "the relay's `hostname`"),
        ]),
        new("dkim", "A key with which mail is signed (RFC 6376) for clients that may relay, and the relay's own reports; may stand there many times, and all that match sign. `relay dkim keygen` makes one.",
        [
            ConfigKey.Of("domain", ConfigTypes.Domain, d => d.Dkim.Current.Domain, (d, v) => d.Dkim.Current.Domain = v, "Who signs: `d=`.", required: true),
            ConfigKey.Of("selector", ConfigTypes.Selector, d => d.Dkim.Current.Selector, (d, v) => d.Dkim.Current.Selector = v,
                "`s=`: the public key stands in DNS at `SELECTOR._domainkey.DOMAIN`.", required: true),
            ConfigKey.Of("key", ConfigTypes.FilePath, d => d.Dkim.Current.KeyPath, (d, v) => d.Dkim.Current.KeyPath = v,
                "A PEM file: the private key, RSA or Ed25519, not encrypted. Read again at a reload.", required: true),
            ConfigKey.Of("from", new ListType<string>(ConfigTypes.DomainPattern, 1), d => d.Dkim.Current.From.Count == 0 ? null : d.Dkim.Current.From, (d, v) => d.Dkim.Current.From = v,
                "Whose mail is signed, by the domain in its From field: domains, `*.domain` for all below one, `*` for all.", "`domain`"),
            ConfigKey.Of("header", ConfigTypes.DkimForm, d => d.Dkim.Current.HeaderForm, (d, v) => d.Dkim.Current.HeaderForm = v,
                "How much may happen to header fields on the way: `relaxed`: white space may change. `simple`: nothing."),
            ConfigKey.Of("body", ConfigTypes.DkimForm, d => d.Dkim.Current.BodyForm, (d, v) => d.Dkim.Current.BodyForm = v, "The same for the body."),
        ])
        {
            Items = new(d => d.Dkim.All.Count, (d, i) => d.Dkim.Select(i), d => d.Dkim.Add()),
        },
        new("milter", "A program that is asked about mail while it is received, by the milter protocol: Rspamd, OpenDKIM, ClamAV and others; may stand there many times, and they are asked in this order.",
        [
            ConfigKey.Of("name", ConfigTypes.Name, d => d.Milters.Current.Name, (d, v) => d.Milters.Current.Name = v, "What it is called in logs and metrics.", required: true),
            ConfigKey.Of("address", ConfigTypes.MilterAddress, d => d.Milters.Current.Address, (d, v) => d.Milters.Current.Address = v,
                "Where it listens: `inet:127.0.0.1:8891`, `inet6:[::1]:8891`, `inet:host:port` or `unix:/path`.", required: true),
            ConfigKey.Of("on_failure", ConfigTypes.MilterOnFailure, d => d.Milters.Current.Options.OnFailure, (d, v) => Milter(d, m => m with { OnFailure = v }),
                "What becomes of mail when it can't be asked or talks nonsense: `tempfail` (451 4.7.1), `accept` (as if it weren't there), `reject` (550 5.7.1). The next message asks it again."),
            ConfigKey.Of("connect_timeout", Timeout, d => d.Milters.Current.Options.ConnectTimeout, (d, v) => Milter(d, m => m with { ConnectTimeout = v }), "How long the connection and the negotiation may take."),
            ConfigKey.Of("command_timeout", Timeout, d => d.Milters.Current.Options.CommandTimeout, (d, v) => Milter(d, m => m with { CommandTimeout = v }), "How long it may take for the answer to a command."),
            ConfigKey.Of("content_timeout", Timeout, d => d.Milters.Current.Options.ContentTimeout, (d, v) => Milter(d, m => m with { ContentTimeout = v }),
                "How long for the answer to a piece of a message; a whole message has twice that, with whatever it says of progress."),
            ConfigKey.Of("roles", new ListType<ListenerRole>(ConfigTypes.ListenerRole, 1), d => d.Milters.Current.Roles, (d, v) => d.Milters.Current.Roles = v, "The roles of the listeners whose mail it is asked about."),
            ConfigKey.Of("skip_trusted", ConfigTypes.Boolean, d => d.Milters.Current.Options.SkipsTrusted, (d, v) => Milter(d, m => m with { SkipsTrusted = v }), "Whether it isn't asked about clients in `relay_from`."),
            ConfigKey.Of("skip_authenticated", ConfigTypes.Boolean, d => d.Milters.Current.Options.SkipsAuthenticated, (d, v) => Milter(d, m => m with { SkipsAuthenticated = v }), "Whether it isn't asked about the mail of users who have logged in."),
        ])
        {
            Items = new(d => d.Milters.All.Count, (d, i) => d.Milters.Select(i), d => d.Milters.Add()),
        },
        new("admin", "The HTTP listener for /healthz, /readyz, /metrics, /queue, /why, /trace and /abuse. A change needs a restart.",
        [
            ConfigKey.Of("address", ConfigTypes.ListenAddress, d => d.Admin.EndPoint, (d, v) => d.Admin = d.Admin with { EndPoint = v }, "Port 0 lets the system choose."),
            ConfigKey.Of("token", ConfigTypes.TokenFile, d => d.Admin.TokenPath, (d, v) => d.Admin = d.Admin with { TokenPath = v },
                "The file with the token that /queue, /why, /trace and /abuse want: `{ file = \"…\" }`. Made at start with mode 0600 when it isn't there.", "`admin.token` beside the file"),
        ]),
        new("log", "What is written down.",
        [
            ConfigKey.Of("level", ConfigTypes.LogLevel, d => d.Log.Level, (d, v) => d.Log = d.Log with { Level = v }, "The least that is logged to standard error."),
            ConfigKey.Of("deliveries", ConfigTypes.OptionalPath, d => d.DeliveryLogPath ?? "", (d, v) => d.DeliveryLogPath = v.Length == 0 ? null : v,
                "The delivery log, one JSON object for each recipient and event; empty for none.", "`deliveries.jsonl` beside the file"),
        ]),
    ];

    public static ConfigSection? Find(string name) => Sections.FirstOrDefault(s => s.Name == name);

    private static void DnsList(ConfigDraft draft, Func<DnsListOptions, DnsListOptions> with) => draft.Lists.Current = with(draft.Lists.Current);

    private static void Limit(ConfigDraft draft, Func<SiteLimitOptions, SiteLimitOptions> with) => draft.Delivery = draft.Delivery with { Limits = with(draft.Delivery.Limits) };

    private static void Milter(ConfigDraft draft, Func<MilterOptions, MilterOptions> with) => draft.Milters.Current.Options = with(draft.Milters.Current.Options);

    private static void Rule(ConfigDraft draft, Func<LimitRule, LimitRule> with) => draft.LimitRules.Current = with(draft.LimitRules.Current);

    private static void TlsRule(ConfigDraft draft, Func<TlsRule, TlsRule> with) => draft.TlsRules.Current = with(draft.TlsRules.Current);

    private static ConfigKey Phase(string name, Func<DeliveryTimeouts, object> get, Func<DeliveryTimeouts, TimeSpan, DeliveryTimeouts> with, string doc) =>
        ConfigKey.Of(name, Timeout, d => get(d.Delivery.Timeouts), (d, v) => d.Delivery = d.Delivery with { Timeouts = with(d.Delivery.Timeouts, v) }, doc);
}
