using System.Net;

namespace Relay.Dns;

/// <summary>The name servers of the system, from resolv.conf(5): its nameserver lines and nothing else, since mail knows no search suffixes.</summary>
internal static class SystemServers
{
    private const string Path = "/etc/resolv.conf";
    private const int Port = 53;

    /// <summary>What the file says; a server on this machine when it says nothing, as for the system's own resolver.</summary>
    public static IReadOnlyList<IPEndPoint> Read() => File.Exists(Path) ? Parse(File.ReadLines(Path)) : Parse([]);

    public static IReadOnlyList<IPEndPoint> Parse(IEnumerable<string> lines)
    {
        var servers = new List<IPEndPoint>();
        foreach (string line in lines)
        {
            string[] words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", var text, ..] && IPAddress.TryParse(text, out IPAddress? address))
            {
                servers.Add(new IPEndPoint(address, Port));
            }
        }

        return servers.Count > 0 ? servers : [new IPEndPoint(IPAddress.Loopback, Port)];
    }
}
