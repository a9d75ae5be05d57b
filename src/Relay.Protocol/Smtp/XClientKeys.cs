namespace Relay.Protocol.Smtp;

/// <summary>The attributes of XCLIENT.</summary>
[Flags]
public enum XClientKeys : byte
{
    None = 0,
    Name = 1,
    Address = 2,
    Port = 4,
    Protocol = 8,
    Hello = 16,
    Login = 32,
    DestinationAddress = 64,
    DestinationPort = 128,
}
