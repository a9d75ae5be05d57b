using System.Buffers;
using System.IO.Pipelines;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>Reads the PROXY header with which a proxy begins a connection, once and before anything else is said or read, TLS included.</summary>
internal static class ProxyPreamble
{
    /// <summary>The proxy sends it with the connection; the protocol asks for three seconds at least.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>Null when no header came in time, or something else did: nobody knows then whose connection it is.</summary>
    public static async ValueTask<ProxyInfo?> ReadAsync(SmtpChannel channel)
    {
        channel.Deadline.Set(Timeout);
        while (true)
        {
            ReadResult read = await channel.Input.ReadAsync().ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = read.Buffer;
            ProxyStatus status = ProxyHeader.TryRead(ref buffer, out ProxyInfo info);
            channel.Input.AdvanceTo(buffer.Start, status == ProxyStatus.NeedMoreData ? buffer.End : buffer.Start);
            if (status != ProxyStatus.NeedMoreData)
            {
                channel.Deadline.Clear();
                return status == ProxyStatus.Done ? info : null;
            }

            if (read.IsCompleted || (read.IsCanceled && channel.Deadline.HasExpired))
            {
                return null;
            }
        }
    }
}
