namespace Relay.Flow;

/// <summary>Which addresses of a host are tried.</summary>
public enum IpFamilies
{
    Both,
    Ipv4,
    Ipv6,
}
