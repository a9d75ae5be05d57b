using Relay.Protocol.Message;

namespace Relay.Protocol.Dkim;

/// <summary>
/// Writes a DKIM-Signature field (RFC 6376 §3.5) in two steps, because whoever has the private key signs in between: <see cref="Begin"/> gives the hash, <see cref="End"/> takes the signature.
/// One thread at a time; reused.
/// </summary>
public sealed class DkimFieldWriter : IDisposable
{
    /// <summary>No signature is longer: RSA with 8192 bits.</summary>
    public const int MaximumSignature = 1024;

    /// <summary>Domain, selector, 31 names nine times each and the signature fit.</summary>
    private const int Room = 16 * 1024;

    private readonly HashStream _hash = new();
    private readonly byte[] _text = new byte[Room];
    private int _length;

    /// <summary>Everything but the signature; fills <paramref name="hash"/>, 32 octets, with what is to be signed.</summary>
    public void Begin(HeaderSection header, in DkimSignature signature, Span<byte> hash)
    {
        var text = new DkimFieldText(_text);
        text.Put("DKIM-Signature: v=1;"u8);
        text.Tag("a"u8, signature.Algorithm == DkimAlgorithm.RsaSha256 ? "rsa-sha256"u8 : "ed25519-sha256"u8);
        text.Tag("c"u8, (signature.HeaderForm, signature.BodyForm) switch
        {
            (DkimCanonicalization.Simple, DkimCanonicalization.Simple) => "simple/simple"u8,
            (DkimCanonicalization.Simple, DkimCanonicalization.Relaxed) => "simple/relaxed"u8,
            (DkimCanonicalization.Relaxed, DkimCanonicalization.Simple) => "relaxed/simple"u8,
            _ => "relaxed/relaxed"u8,
        });
        text.Tag("d"u8, signature.Domain);
        text.Tag("s"u8, signature.Selector);
        text.Tag("t"u8, signature.Time.ToUnixTimeSeconds());
        SignedFields.Sign(header, _hash, signature.HeaderForm, ref text);
        text.Put(";"u8);
        text.NewLine();
        text.Put("bh="u8);
        text.Base64(signature.BodyHash);
        text.Put(";"u8);
        text.NewLine();
        text.Put("b="u8);
        DkimHeaderForm.Append(_hash, signature.HeaderForm, text.Written, last: true);
        _hash.Finish(hash);
        _length = text.Length;
    }

    /// <summary>The whole field, CRLF included, with the signature of the hash that <see cref="Begin"/> gave; valid until the next call.</summary>
    public ReadOnlySpan<byte> End(ReadOnlySpan<byte> signature)
    {
        var text = new DkimFieldText(_text.AsSpan(_length));
        text.Base64(signature);
        text.Put("\r\n"u8);
        _length += text.Length;
        return _text.AsSpan(0, _length);
    }

    public void Dispose() => _hash.Dispose();
}
