using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Relay.Flow;
using Relay.Flow.Abuse;
using Relay.Flow.Accept;
using Relay.Flow.Login;
using Relay.Flow.Milter;
using Relay.Flow.Policy;
using Relay.Flow.Settle;
using Relay.Protocol.Dkim;
using Relay.Spool;
using Relay.Tls;

namespace Relay.Daemon.Configuration;

/// <summary>The types that the keys of <see cref="ConfigTable"/> have.</summary>
internal static class ConfigTypes
{
    private const string DurationPattern = "^[0-9]+(ms|s|m|h|d)$";

    public static readonly ConfigType<bool> Boolean = new BooleanType();

    public static readonly ConfigType<string> Hostname =
        new TextType<string>("host name", static (string text, ConfigReader _, out string value) => DomainText.Parse(text, false, out value), static v => v);

    public static readonly ConfigType<string> Domain =
        new TextType<string>("domain", static (string text, ConfigReader _, out string value) => DomainText.Parse(text, true, out value), static v => v);

    public static readonly ConfigType<string> DomainPattern =
        new TextType<string>("domain, *.domain or *", static (string text, ConfigReader _, out string value) => DomainText.ParsePattern(text, out value), static v => v);

    public static readonly ConfigType<string> Mailbox =
        new TextType<string>("mail address", static (string text, ConfigReader _, out string value) => DomainText.ParseMailbox(text, out value), static v => v, "@");

    /// <summary>Relative to the file's folder.</summary>
    public static readonly ConfigType<string> FilePath = new TextType<string>("path", ParsePath, static v => v);

    /// <summary>Empty for none.</summary>
    public static readonly ConfigType<string> OptionalPath = new TextType<string>("path", static (string text, ConfigReader reader, out string value) =>
    {
        value = "";
        return text.Length == 0 ? null : ParsePath(text, reader, out value);
    }, static v => v);

    public static readonly ConfigType<IPEndPoint> ListenAddress =
        new TextType<IPEndPoint>("address and port", static (string text, ConfigReader _, out IPEndPoint value) => AddressText.ParseEndPoint(text, 0, out value), static v => v.ToString(), ":[0-9]+$");

    public static readonly ConfigType<IPEndPoint> ServerAddress =
        new TextType<IPEndPoint>("address and port", static (string text, ConfigReader _, out IPEndPoint value) => AddressText.ParseEndPoint(text, 1, out value), static v => v.ToString(), ":[0-9]+$");

    public static readonly ConfigType<IPNetwork> Network =
        new TextType<IPNetwork>("network", static (string text, ConfigReader _, out IPNetwork value) => AddressText.ParseNetwork(text, out value), static v => v.ToString(), "/[0-9]+$");

    /// <summary>Networks whose word is taken for who the client is: not so wide that anybody could be it.</summary>
    public static readonly ConfigType<IPNetwork> ProxyNetwork = ClientNetworkType("would let anybody pass for anybody: list the networks of your proxies");

    /// <summary>Networks that are trusted: not so wide that they can only be a slip.</summary>
    public static readonly ConfigType<IPNetwork> ClientNetwork = ClientNetworkType("would make this an open relay: list the networks of your own clients");

    public static readonly ConfigType<NextHop> NextHop =
        new TextType<NextHop>("next hop", static (string text, ConfigReader _, out NextHop value) => NextHopText.Parse(text, out value), static v => v.ToString(), "^(smtps?|lmtp|lmtp[+]unix)://");

    public static readonly ConfigType<EndPoint> MilterAddress =
        new TextType<EndPoint>("milter address", static (string text, ConfigReader _, out EndPoint value) => MilterAddressText.Parse(text, out value), MilterAddressText.Format, "^(inet6?|unix|local):");

    public static readonly ConfigType<MilterOnFailure> MilterOnFailure = new ChoiceType<MilterOnFailure>(
        ("tempfail", Flow.Milter.MilterOnFailure.TempFail), ("accept", Flow.Milter.MilterOnFailure.Accept), ("reject", Flow.Milter.MilterOnFailure.Reject));

    public static readonly ConfigType<Rate> Rate =
        new TextType<Rate>("rate", static (string text, ConfigReader _, out Rate value) => RateText.Parse(text, out value), RateText.Format, "^[0-9]+/[0-9]+(ms|s|m|h|d)$");

    public static readonly ConfigType<string> Name =
        new TextType<string>("name", static (string text, ConfigReader _, out string value) => NameText.Parse(text, out value), static v => v, NameText.Pattern);

    public static readonly ConfigType<PoolMember> PoolMember =
        new TextType<PoolMember>("source or source:weight", static (string text, ConfigReader _, out PoolMember value) => PoolMemberText.Parse(text, out value), PoolMemberText.Format);

    public static readonly ConfigType<IPAddress> Ipv4Address = AddressType("IPv4 address", AddressFamily.InterNetwork, "192.0.2.1");

    public static readonly ConfigType<IPAddress> Ipv6Address = AddressType("IPv6 address", AddressFamily.InterNetworkV6, "2001:db8::1");

    public static readonly ConfigType<string> Words = new TextType<string>("text", static (string text, ConfigReader _, out string value) =>
    {
        value = text;
        return string.IsNullOrWhiteSpace(text) || text.Any(char.IsControl) ? "the text is empty or holds control characters" : null;
    }, static v => v);

    public static readonly ConfigType<string> User = new TextType<string>("user name", static (string text, ConfigReader _, out string value) =>
    {
        value = text;
        return text.Length == 0 || text.Any(char.IsControl) ? "the user's name is empty or holds control characters" : null;
    }, static v => v);

    public static readonly ConfigType<SenderTemplate> SenderTemplate = new TextType<SenderTemplate>("address, *@domain or {user}@domain", static (string text, ConfigReader _, out SenderTemplate value) =>
    {
        value = Flow.Policy.SenderTemplate.Parse(text)!;
        return value is null ? $"\"{text}\" is not an address, \"*@domain\", \"*@*.domain\" or \"{{user}}@domain\"" : null;
    }, static v => v.Text, "@");

    public static readonly ConfigType<string> UnixSocket = new TextType<string>("unix:path", static (string text, ConfigReader reader, out string value) =>
    {
        value = "";
        return text.StartsWith("unix:", StringComparison.Ordinal) ? ParsePath(text["unix:".Length..], reader, out value) : $"\"{text}\" is no socket: write it like \"unix:/run/dovecot/auth-client\"";
    }, static v => "unix:" + v, "^unix:");

    public static readonly ConfigType<string> FileOrHttps = new TextType<string>("path or https://…", static (string text, ConfigReader reader, out string value) =>
    {
        value = text;
        return !text.Contains("://", StringComparison.Ordinal) ? ParsePath(text, reader, out value)
            : Uri.TryCreate(text, UriKind.Absolute, out Uri? url) && url.Scheme == "https" && url.UserInfo.Length == 0 ? null : $"\"{text}\" is no URL with https://";
    }, static v => v);

    /// <summary>A word without white space, of a protocol.</summary>
    public static readonly ConfigType<string> Word = new TextType<string>("word", static (string text, ConfigReader _, out string value) =>
    {
        value = text;
        return text.Length == 0 || text.Any(static c => c is <= ' ' or '"' or '\\' or >= '\x7f') ? $"\"{text}\" is empty, or has characters that can't stand there" : null;
    }, static v => v);

    public static readonly ConfigType<string> TokenAlgorithm = new ChoiceType<string>([.. OAuthOptions.Supported.Select(static a => (a, a))]);

    public static readonly ConfigType<string> Secret = new SecretType();

    public static readonly ConfigType<string> TokenFile = new TokenFileType();

    public static readonly ConfigType<Durability> Durability = new ChoiceType<Durability>(("sync", Spool.Durability.Sync), ("os", Spool.Durability.Os));

    public static readonly ConfigType<ListenerRole> ListenerRole = new ChoiceType<ListenerRole>(("relay", Flow.Accept.ListenerRole.Relay), ("submission", Flow.Accept.ListenerRole.Submission));

    public static readonly ConfigType<ListenerTls> ListenerTls =
        new ChoiceType<ListenerTls>(("none", Flow.Accept.ListenerTls.None), ("starttls", Flow.Accept.ListenerTls.StartTls), ("implicit", Flow.Accept.ListenerTls.Implicit));

    public static readonly ConfigType<TlsProfile> TlsProfile =
        new ChoiceType<TlsProfile>(("modern", Relay.Tls.TlsProfile.Modern), ("intermediate", Relay.Tls.TlsProfile.Intermediate), ("old", Relay.Tls.TlsProfile.Old));

    public static readonly ConfigType<ClientCertificateDemand> ClientCertificate =
        new ChoiceType<ClientCertificateDemand>(("none", ClientCertificateDemand.None), ("ask", ClientCertificateDemand.Ask), ("require", ClientCertificateDemand.Require));

    /// <summary>What a certificate may be shown for.</summary>
    public static readonly ConfigType<string> ServerName = new TextType<string>("domain or *.domain", static (string text, ConfigReader _, out string value) =>
    {
        string? error = DomainText.ParsePattern(text, out value);
        return text == "*" ? "\"*\" is no server: the certificate of [tls] is shown for whatever has none of its own"
            : error is null ? null : $"\"{text}\" is not a domain or \"*.domain\"";
    }, static v => v);

    /// <summary>SHA-256 of a certificate: 64 hexadecimal digits in lower case.</summary>
    public static readonly ConfigType<string> Fingerprint = new TextType<string>("sha256: and hexadecimal digits", static (string text, ConfigReader _, out string value) =>
        CertificateText.ParseFingerprint(text, out value), static v => CertificateText.FingerprintPrefix + v, "^sha256:");

    public static readonly ConfigType<OutboundTls> OutboundTls = new ChoiceType<OutboundTls>(
        ("none", Flow.OutboundTls.None), ("opportunistic", Flow.OutboundTls.Opportunistic), ("required", Flow.OutboundTls.Required), ("verified", Flow.OutboundTls.Verified));

    public static readonly ConfigType<string> ReportLanguage = new ChoiceType<string>([.. ReportTexts.Languages.Select(static l => (l, l))]);

    /// <summary>Whether lists in DNS only mark.</summary>
    public static readonly ConfigType<bool> ListAction = new ChoiceType<bool>(("refuse", false), ("mark", true));

    public static readonly ConfigType<DnsListAnswers> ListAnswers = new TextType<DnsListAnswers>("answers", static (string text, ConfigReader _, out DnsListAnswers value) =>
    {
        DnsListAnswers? parsed = DnsListAnswers.Parse(text);
        value = parsed!;
        return parsed is null ? $"\"{text}\" is no answer of a list: write it like \"127.0.0.2\" or \"127.0.0.[2..4;9]\"" : null;
    }, static v => v.ToString());

    public static readonly ConfigType<string> Selector = new TextType<string>("selector", static (string text, ConfigReader _, out string value) => DomainText.ParseSelector(text, out value), static v => v);

    public static readonly ConfigType<DkimCanonicalization> DkimForm = new ChoiceType<DkimCanonicalization>(("relaxed", DkimCanonicalization.Relaxed), ("simple", DkimCanonicalization.Simple));

    public static readonly ConfigType<IpFamilies> IpFamilies = new ChoiceType<IpFamilies>(("4", Flow.IpFamilies.Ipv4), ("6", Flow.IpFamilies.Ipv6), ("both", Flow.IpFamilies.Both));

    public static readonly ConfigType<LogLevel> LogLevel = new ChoiceType<LogLevel>(
        ("trace", Microsoft.Extensions.Logging.LogLevel.Trace),
        ("debug", Microsoft.Extensions.Logging.LogLevel.Debug),
        ("information", Microsoft.Extensions.Logging.LogLevel.Information),
        ("warning", Microsoft.Extensions.Logging.LogLevel.Warning),
        ("error", Microsoft.Extensions.Logging.LogLevel.Error),
        ("critical", Microsoft.Extensions.Logging.LogLevel.Critical));

    public static ConfigType<TimeSpan> Duration(TimeSpan minimum, TimeSpan maximum) => new TextType<TimeSpan>("duration", (string text, ConfigReader _, out TimeSpan value) =>
        DurationText.Parse(text, out value) is { } error ? error
            : value >= minimum && value <= maximum ? null
            : $"\"{text}\" is out of range: write a duration from \"{DurationText.Format(minimum)}\" to \"{DurationText.Format(maximum)}\"", DurationText.Format, DurationPattern);

    private static TextType<IPAddress> AddressType(string name, AddressFamily family, string example) => new(name, (string text, ConfigReader _, out IPAddress value) =>
    {
        bool valid = AddressText.TryParse(text, out IPAddress? address) && address.AddressFamily == family && !address.IsIPv4MappedToIPv6 && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any);
        value = address ?? IPAddress.None;
        return valid ? null : $"\"{text}\" is not an {name}: write it like \"{example}\"";
    }, static v => v.ToString());

    private static string? ParsePath(string text, ConfigReader reader, out string value)
    {
        value = text;
        if (text.Length == 0 || text.Contains('\0', StringComparison.Ordinal))
        {
            return "an empty path: write the name of a file";
        }

        value = Path.GetFullPath(text, reader.Folder);
        return null;
    }

    /// <summary>Trusted clients: nobody owns a network this wide, so it is a slip or an open relay (RFC 2505 §2.1).</summary>
    private static TextType<IPNetwork> ClientNetworkType(string harm) => new("network", (string text, ConfigReader _, out IPNetwork value) =>
    {
        if (AddressText.ParseNetwork(text, out value) is { } error)
        {
            return error;
        }

        bool isV4 = value.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        // fc00::/7 and fe80::/10 are local wherever they are.
        bool isLocal = !isV4 && (value.BaseAddress.IsIPv6UniqueLocal || value.BaseAddress.IsIPv6LinkLocal) && value.PrefixLength >= 7;
        int narrowest = isV4 ? 8 : 16;
        return value.PrefixLength >= narrowest || isLocal ? null
            : string.Create(CultureInfo.InvariantCulture, $"\"{text}\" {harm}, each with a prefix of /{narrowest} or longer");
    }, static v => v.ToString(), "/[0-9]+$");
}
