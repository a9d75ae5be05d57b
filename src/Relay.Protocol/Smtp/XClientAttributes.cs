using System.Net;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// What XCLIENT says of the client behind a trusted proxy: <c>XCLIENT 1*(SP name "=" value)</c> with xtext values (Postfix's XCLIENT_README). An attribute in <see cref="Given"/> whose
/// property is null is unavailable; one that isn't given keeps the value it had. Names that couldn't stand in a Received field are as unavailable.
/// </summary>
public ref struct XClientAttributes
{
    private const int MaximumValueLength = 255;

    public XClientKeys Given { get; private set; }

    /// <summary>The client's name in the DNS.</summary>
    public string? Name { get; private set; }

    public IPAddress? Address { get; private set; }

    public int? Port { get; private set; }

    /// <summary>PROTO: ESMTP, or else SMTP.</summary>
    public bool? IsExtended { get; private set; }

    /// <summary>HELO.</summary>
    public string? Hello { get; private set; }

    /// <summary>LOGIN: whom the proxy has authenticated.</summary>
    public string? Login { get; private set; }

    /// <summary>DESTADDR.</summary>
    public IPAddress? DestinationAddress { get; private set; }

    /// <summary>DESTPORT.</summary>
    public int? DestinationPort { get; private set; }

    /// <summary>Reads what follows the verb. False for anything that isn't attributes, each at most once, with values of their kinds.</summary>
    public static bool TryParse(ReadOnlySpan<byte> argument, out XClientAttributes attributes)
    {
        attributes = default;
        XClientAttributes read = default;
        Span<byte> scratch = stackalloc byte[MaximumValueLength];
        var reader = new ParameterReader(argument);
        while (reader.MoveNext())
        {
            XClientKeys key = Key(reader.Keyword);
            if (key == XClientKeys.None || (read.Given & key) != 0)
            {
                return false;
            }

            read.Given |= key;
            if (Ascii.EqualsIgnoreCase(reader.Value, "[UNAVAILABLE]"u8) || Ascii.EqualsIgnoreCase(reader.Value, "[TEMPUNAVAIL]"u8))
            {
                continue;
            }

            if (reader.Value.IsEmpty || !XText.TryDecode(reader.Value, scratch, out int length) || !TryAdd(key, scratch[..length], ref read))
            {
                return false;
            }
        }

        if (reader.IsMalformed || read.Given == XClientKeys.None)
        {
            return false;
        }

        attributes = read;
        return true;
    }

    private static XClientKeys Key(ReadOnlySpan<byte> name) =>
        Ascii.EqualsIgnoreCase(name, "NAME"u8) ? XClientKeys.Name
        : Ascii.EqualsIgnoreCase(name, "ADDR"u8) ? XClientKeys.Address
        : Ascii.EqualsIgnoreCase(name, "PORT"u8) ? XClientKeys.Port
        : Ascii.EqualsIgnoreCase(name, "PROTO"u8) ? XClientKeys.Protocol
        : Ascii.EqualsIgnoreCase(name, "HELO"u8) ? XClientKeys.Hello
        : Ascii.EqualsIgnoreCase(name, "LOGIN"u8) ? XClientKeys.Login
        : Ascii.EqualsIgnoreCase(name, "DESTADDR"u8) ? XClientKeys.DestinationAddress
        : Ascii.EqualsIgnoreCase(name, "DESTPORT"u8) ? XClientKeys.DestinationPort
        : XClientKeys.None;

    private static bool TryAdd(XClientKeys key, scoped ReadOnlySpan<byte> value, ref XClientAttributes attributes)
    {
        IPAddress? address;
        int port;
        switch (key)
        {
            case XClientKeys.Name:
                attributes.Name = HelloName.IsValid(value) ? Encoding.ASCII.GetString(value) : null;
                return true;
            case XClientKeys.Hello:
                attributes.Hello = HelloName.IsValid(value) ? Encoding.ASCII.GetString(value) : null;
                return true;
            case XClientKeys.Login:
                attributes.Login = Encoding.UTF8.GetString(value);
                return ParameterText.IsPrintable(value, utf8: true);
            case XClientKeys.Protocol:
                attributes.IsExtended = Ascii.EqualsIgnoreCase(value, "ESMTP"u8);
                return attributes.IsExtended == true || Ascii.EqualsIgnoreCase(value, "SMTP"u8);
            case XClientKeys.Address:
                bool known = TryAddress(value, out address);
                attributes.Address = address;
                return known;
            case XClientKeys.DestinationAddress:
                known = TryAddress(value, out address);
                attributes.DestinationAddress = address;
                return known;
            case XClientKeys.Port:
                known = ProxyHeader.TryPort(value, out port);
                attributes.Port = port;
                return known;
            default:
                known = ProxyHeader.TryPort(value, out port);
                attributes.DestinationPort = port;
                return known;
        }
    }

    /// <summary>An IPv4 address, or an IPv6 address behind "IPV6:".</summary>
    private static bool TryAddress(ReadOnlySpan<byte> text, out IPAddress? address)
    {
        ReadOnlySpan<byte> tag = "IPV6:"u8;
        bool v6 = text.Length >= tag.Length && Ascii.EqualsIgnoreCase(text[..tag.Length], tag);
        return ProxyHeader.TryAddress(v6 ? text[tag.Length..] : text, v6, out address);
    }
}
