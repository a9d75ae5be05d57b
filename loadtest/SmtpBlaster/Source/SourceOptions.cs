using System.Net;
using System.Net.Security;
using Relay.Protocol.Sasl;
using SmtpBlaster.Messages;
using SmtpBlaster.Net;
using SmtpBlaster.Options;

namespace SmtpBlaster.Source;

/// <summary>What a source does, checked and complete. Times in nanoseconds.</summary>
internal sealed record SourceOptions
{
    public required IPEndPoint Target { get; init; }

    public required IMessageContent Content { get; init; }

    public required AddressPattern From { get; init; }

    public required AddressPattern To { get; init; }

    public required Distribution Recipients { get; init; }

    public uint Run { get; init; }

    public string Hello { get; init; } = "blaster.test";

    /// <summary>Sessions at a time, at first and at the end of the ramp.</summary>
    public (double From, double To) Sessions { get; init; } = (10, 10);

    /// <summary>Messages a second, at first and at the end of the ramp; 0: as fast as sessions are free (a closed loop).</summary>
    public (double From, double To) Rate { get; init; }

    public long Ramp { get; init; }

    /// <summary>0: no limit.</summary>
    public int MessagesPerConnection { get; init; }

    public long Count { get; init; } = long.MaxValue;

    public long Duration { get; init; } = long.MaxValue;

    public bool Pipelining { get; init; }

    public bool Chunking { get; init; }

    public TlsMode Tls { get; init; }

    public SslClientAuthenticationOptions? TlsOptions { get; init; }

    /// <summary>None: no AUTH.</summary>
    public SaslMechanisms Mechanism { get; init; }

    public string User { get; init; } = "";

    public string Password { get; init; } = "";

    /// <summary>Local addresses, used in turn, as sockaddr.</summary>
    public IReadOnlyList<byte[]> Bind { get; init; } = [];

    public int Threads { get; init; } = 1;

    /// <summary>How long connecting, and each message, may take.</summary>
    public long Timeout { get; init; } = 60 * Clock.Second;

    /// <summary>The run ends when for so long no connection could be used.</summary>
    public long GiveUp { get; init; } = 10 * Clock.Second;

    /// <summary>Latencies of intervals that begin earlier are not in the sum of the run.</summary>
    public long WarmUp { get; init; }

    public long Interval { get; init; } = Clock.Second;

    public int Seed { get; init; } = 1;

    public bool NeedsExtensions => Pipelining || Chunking || Tls == TlsMode.StartTls || Mechanism != SaslMechanisms.None;
}
