using System.Security.Cryptography;

namespace Relay.Protocol.Dkim;

/// <summary>SHA-256 of many small pieces: gathers them, because each call into the library costs more than a word of text. One thread at a time; reused.</summary>
internal sealed class HashStream : IDisposable
{
    public const int Length = SHA256.HashSizeInBytes;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _pieces = new byte[2048];
    private int _gathered;

    public void Append(ReadOnlySpan<byte> octets)
    {
        if (octets.Length > _pieces.Length - _gathered)
        {
            Flush();
            if (octets.Length >= _pieces.Length)
            {
                _hash.AppendData(octets);
                return;
            }
        }

        octets.CopyTo(_pieces.AsSpan(_gathered));
        _gathered += octets.Length;
    }

    /// <summary>The hash of all that was appended; what is appended next begins another.</summary>
    public void Finish(Span<byte> hash)
    {
        Flush();
        _hash.GetHashAndReset(hash);
    }

    public void Reset()
    {
        _gathered = 0;
        Span<byte> ignored = stackalloc byte[Length];
        _hash.GetHashAndReset(ignored);
    }

    public void Dispose() => _hash.Dispose();

    private void Flush()
    {
        _hash.AppendData(_pieces, 0, _gathered);
        _gathered = 0;
    }
}
