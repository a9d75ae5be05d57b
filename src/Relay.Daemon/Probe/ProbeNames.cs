using System.Net;
using System.Net.Sockets;
using System.Text;
using Relay.Daemon.Configuration;

namespace Relay.Daemon.Probe;

/// <summary>The names that the tricks are about, and what <c>{…}</c> in a trick's commands stands for.</summary>
internal sealed class ProbeNames
{
    private readonly Dictionary<string, string> _values;

    public ProbeNames(ProbeOptions options, string banner, IPAddress server, IPAddress client)
    {
        Domain = options.Domain ?? (DomainText.Parse(banner, false, out string name) is null && name.Contains('.', StringComparison.Ordinal) ? name : Literal(server));
        int at = options.To.LastIndexOf('@');
        _values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["from"] = options.From,
            ["to"] = options.To,
            ["TO"] = options.To.ToUpperInvariant(),
            ["user"] = options.To[..at],
            ["elsewhere"] = options.To[(at + 1)..],
            ["domain"] = Domain,
            ["ip"] = Literal(server),
            ["address"] = server.ToString(),
            ["me"] = Literal(client),
            ["unknown"] = "relay-probe-nobody-7f3a91",
            ["long"] = new string('a', 250),
            ["route"] = string.Join(',', Enumerable.Repeat($"@{Domain}", 40)),
        };
    }

    /// <summary>The domain that the server is taken to be responsible for, or its address literal.</summary>
    public string Domain { get; }

    public string Expand(string template)
    {
        var text = new StringBuilder();
        for (int from = 0; ;)
        {
            int open = template.IndexOf('{', from);
            if (open < 0)
            {
                return text.Append(template, from, template.Length - from).ToString();
            }

            int close = template.IndexOf('}', open);
            text.Append(template, from, open - from).Append(_values[template[(open + 1)..close]]);
            from = close + 1;
        }
    }

    /// <summary>RFC 5321 §4.1.3.</summary>
    public static string Literal(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[IPv6:{new IPAddress(address.GetAddressBytes())}]" : $"[{address}]";
}
