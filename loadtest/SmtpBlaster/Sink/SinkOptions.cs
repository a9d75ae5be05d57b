using System.Net;
using System.Net.Security;
using SmtpBlaster.Net;

namespace SmtpBlaster.Sink;

/// <summary>What a sink does, checked and complete. Times in nanoseconds.</summary>
internal sealed record SinkOptions
{
    public required IReadOnlyList<IPEndPoint> Listen { get; init; }

    public string Hostname { get; init; } = "sink.test";

    public IReadOnlyList<SinkRule> Rules { get; init; } = [];

    public bool Lmtp { get; init; }

    public bool Pipelining { get; init; } = true;

    public bool Chunking { get; init; } = true;

    public TlsMode Tls { get; init; }

    public SslServerAuthenticationOptions? TlsOptions { get; init; }

    /// <summary>Beyond, a connection is greeted with 421.</summary>
    public int MaximumConnections { get; init; } = int.MaxValue;

    public int MaximumConnectionsPerAddress { get; init; } = int.MaxValue;

    /// <summary>Octets a second that each connection is read with; 0: no limit.</summary>
    public long ReadRate { get; init; }

    public int Threads { get; init; } = 1;

    /// <summary>How long a session may be silent.</summary>
    public long Timeout { get; init; } = 300 * Clock.Second;

    public long Interval { get; init; } = Clock.Second;

    public int Seed { get; init; } = 1;

    public long Count { get; init; } = long.MaxValue;
}
