namespace Relay.Telemetry;

/// <summary>Bytes that wait for a file. Guarded by its owner; the owner keeps it bounded.</summary>
internal sealed class LineBuffer
{
    private const int KeptBytes = 256 * 1024;

    private byte[] _bytes = new byte[KeptBytes];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, Length);

    public void Append(ReadOnlySpan<byte> line)
    {
        if (line.Length > _bytes.Length - Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + line.Length));
        }

        line.CopyTo(_bytes.AsSpan(Length));
        Length += line.Length;
    }

    /// <summary>Memory that a slow disk made it take is given back.</summary>
    public void Clear()
    {
        Length = 0;
        if (_bytes.Length > KeptBytes)
        {
            _bytes = new byte[KeptBytes];
        }
    }
}
