using System.Net.Sockets;
using System.Text;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// The place of postlogd(8): what Postfix's programs log comes to a datagram socket of ours. Its own logger is started by master, which logs as well; when a few lines wait at that moment (ten, by the kernel's default) each waits
/// for the other, and all of that Postfix with them. Members are safe on any thread.
/// </summary>
internal sealed class PostfixLog : IDisposable
{
    /// <summary>What "postlog_service_name" has to be. The service of the usual name must be in master.cf all the same.</summary>
    public const string Service = "testlog";

    private const int LongestLine = 64 * 1024;

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly StringBuilder _text = new();

    /// <param name="queue">Postfix's queue directory, which has its sockets in "public".</param>
    public PostfixLog(string queue)
    {
        string place = Path.Combine(Directory.CreateDirectory(Path.Combine(queue, "public")).FullName, Service);
        _socket.Bind(new UnixDomainSocketEndPoint(place));
        File.SetUnixFileMode(place, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite);
        _ = ReadAsync();
    }

    public string Text
    {
        get
        {
            lock (_text)
            {
                return _text.ToString();
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReadAsync()
    {
        byte[] line = new byte[LongestLine];
        try
        {
            while (true)
            {
                int length = await _socket.ReceiveAsync(line);
                lock (_text)
                {
                    _text.Append(Encoding.UTF8.GetString(line, 0, length)).Append('\n');
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            // The test has ended.
        }
    }
}
