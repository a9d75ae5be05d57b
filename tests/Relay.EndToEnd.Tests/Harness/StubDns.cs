using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A name server over UDP that knows what its functions say, in as many names as one likes, and can be ill in many ways. IPv4 addresses only: for AAAA it has nothing. Safe on any thread.
/// </summary>
internal sealed class StubDns : IAsyncDisposable
{
    private readonly UdpClient _socket = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<string, string?> _exchanger;
    private readonly Func<string, string?> _address;
    private readonly Task _serving;
    private int _illness;
    private int _questions;

    public StubDns(Func<string, string?> exchanger, Func<string, string?> address)
    {
        _exchanger = exchanger;
        _address = address;
        _serving = ServeAsync();
    }

    public enum Illness
    {
        None,
        ServFail,
        Refused,

        /// <summary>Never answers.</summary>
        Silent,

        /// <summary>Answers with another question's id.</summary>
        WrongId,

        /// <summary>TC, and nobody at the TCP port.</summary>
        Truncated,

        /// <summary>Half a header.</summary>
        Garbage,
    }

    /// <summary>As [dns] servers wants it.</summary>
    public string EndPoint => _socket.Client.LocalEndPoint!.ToString()!;

    public int Questions => Volatile.Read(ref _questions);

    public Illness Ill
    {
        get => (Illness)Volatile.Read(ref _illness);
        set => Volatile.Write(ref _illness, (int)value);
    }

    /// <summary>Which questions, by their name, it is ill for; the others it answers well.</summary>
    public Func<string, bool> IsIllFor { get; init; } = static _ => true;

    /// <summary>Of its answers, in seconds.</summary>
    public byte TimeToLive { get; init; } = 60;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _socket.Dispose();
        await _serving;
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                UdpReceiveResult question = await _socket.ReceiveAsync(_stop.Token);
                Interlocked.Increment(ref _questions);
                if (Answer(question.Buffer) is { } answer)
                {
                    await _socket.SendAsync(answer, question.RemoteEndPoint, _stop.Token);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // Stopped.
        }
    }

    private byte[]? Answer(byte[] question)
    {
        const int Header = 12;
        var name = new StringBuilder();
        int at = Header;
        for (; question[at] != 0; at += 1 + question[at])
        {
            name.Append(Encoding.ASCII.GetString(question, at + 1, question[at])).Append('.');
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(question.AsSpan(at + 1));
        string asked = name.ToString().TrimEnd('.').ToLowerInvariant();
        var answer = new MemoryStream();
        answer.Write(question.AsSpan(0, at + 5));
        byte[]? data = type switch
        {
            1 => _address(asked) is { } address ? IPAddress.Parse(address).GetAddressBytes() : null,
            15 => _exchanger(asked) is { } host ? [0, 10, .. host.Split('.').SelectMany(static label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0] : null,
            _ => null,
        };
        bool known = _exchanger(asked) is not null || _address(asked) is not null;
        Illness ill = IsIllFor(asked) ? Ill : Illness.None;
        byte code = ill switch
        {
            Illness.ServFail => 2,
            Illness.Refused => 5,
            _ => (byte)(known ? 0 : 3),
        };
        if (code == 0 && data is not null)
        {
            // The name is the question's.
            answer.Write([0xC0, Header, (byte)(type >> 8), (byte)type, 0, 1, 0, 0, 0, TimeToLive, (byte)(data.Length >> 8), (byte)data.Length]);
            answer.Write(data);
        }

        byte[] octets = answer.ToArray();
        octets[2] = (byte)(0x84 | (question[2] & 1) | (ill == Illness.Truncated ? 2 : 0));
        octets[3] = (byte)(0x80 | code);
        octets[7] = (byte)(code == 0 && data is not null ? 1 : 0);
        octets.AsSpan(8, 4).Clear();
        octets[0] ^= (byte)(ill == Illness.WrongId ? 0x55 : 0);
        return ill switch
        {
            Illness.Silent => null,
            Illness.Garbage => octets[..5],
            _ => octets,
        };
    }
}
