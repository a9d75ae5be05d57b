using System.Buffers;
using System.Text;
using Relay.Protocol.Dkim;
using Relay.Protocol.Message;

namespace Relay.Dkim;

/// <summary>
/// Signs one message while it passes by on its way to <em>inner</em>: what is written here goes there, and is hashed on the way, once; what is remembered is its header section.
/// <see cref="Sign"/> then gives the fields that belong in front of it. Mail from domains without a key costs the reading of its header. One thread at a time; pooled by <see cref="MessageSigner"/>.
/// </summary>
internal sealed class MessageSigning : IBufferWriter<byte>, IDisposable
{
    /// <summary>What is put in front of a message has no more octets than this (SpoolTransaction.Prepend): keys beyond, a hundred of them, don't sign.</summary>
    private const int MostFields = ushort.MaxValue;

    private readonly HeaderSection _header = new();
    private readonly DkimBodyHash _simple = new(DkimCanonicalization.Simple);
    private readonly DkimBodyHash _relaxed = new(DkimCanonicalization.Relaxed);
    private readonly DkimFieldWriter _field = new();
    private readonly List<DkimKey> _keys = [];
    private readonly List<DkimKey> _those = [];
    private readonly ArrayBufferWriter<byte> _fields = new();
    private DkimKeys _table = DkimKeys.None;
    private IBufferWriter<byte>? _inner;
    private Memory<byte> _given;
    private bool _isSimpleWanted;
    private bool _isRelaxedWanted;

    /// <summary>One message begins.</summary>
    public void Begin(DkimKeys table, IBufferWriter<byte> inner)
    {
        _table = table;
        _inner = inner;
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => _given = _inner!.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Advance(int count)
    {
        Scan(_given.Span[..count]);
        _given = default;
        _inner!.Advance(count);
    }

    /// <summary>The message has ended: its DKIM-Signature fields, none when no key is for it. Valid until <see cref="Reset"/>.</summary>
    public ReadOnlySpan<byte> Sign(DateTimeOffset now)
    {
        if (!_header.HasEnded)
        {
            _header.End();
            Choose();
        }

        if (_keys.Count == 0)
        {
            return [];
        }

        Span<byte> simple = stackalloc byte[32];
        Span<byte> relaxed = stackalloc byte[32];
        Span<byte> hash = stackalloc byte[32];
        Span<byte> signature = stackalloc byte[DkimFieldWriter.MaximumSignature];
        if (_isSimpleWanted)
        {
            _simple.Finish(simple);
        }

        if (_isRelaxedWanted)
        {
            _relaxed.Finish(relaxed);
        }

        foreach (DkimKey key in _keys)
        {
            _field.Begin(
                _header,
                new DkimSignature
                {
                    Algorithm = key.Key.Algorithm,
                    Domain = key.Domain,
                    Selector = key.Selector,
                    HeaderForm = key.HeaderForm,
                    BodyForm = key.BodyForm,
                    BodyHash = key.BodyForm == DkimCanonicalization.Simple ? simple : relaxed,
                    Time = now,
                },
                hash);
            int length = key.Key.Sign(hash, signature);
            ReadOnlySpan<byte> field = _field.End(signature[..length]);
            if (_fields.WrittenCount + field.Length > MostFields)
            {
                break;
            }

            _fields.Write(field);
        }

        return _fields.WrittenSpan;
    }

    /// <summary>Forgets the message.</summary>
    public void Reset()
    {
        _header.Reset();
        _keys.Clear();
        _fields.ResetWrittenCount();
        if (_isSimpleWanted)
        {
            _simple.Reset();
        }

        if (_isRelaxedWanted)
        {
            _relaxed.Reset();
        }

        _isSimpleWanted = false;
        _isRelaxedWanted = false;
        _inner = null;
        _table = DkimKeys.None;
        _given = default;
    }

    public void Dispose()
    {
        _simple.Dispose();
        _relaxed.Dispose();
        _field.Dispose();
    }

    private void Scan(ReadOnlySpan<byte> text)
    {
        if (!_header.HasEnded)
        {
            text = text[_header.Append(text)..];
            if (!_header.HasEnded)
            {
                return;
            }

            Choose();
        }

        if (_isSimpleWanted)
        {
            _simple.Append(text);
        }

        if (_isRelaxedWanted)
        {
            _relaxed.Append(text);
        }
    }

    /// <summary>The header is known: which keys sign. With several From fields, which nobody should send, those that are for each of them.</summary>
    private void Choose()
    {
        bool first = true;
        for (int i = 0; i < _header.Count && !_header.IsTooLong; i++)
        {
            HeaderField field = _header[i];
            if (field.NameLength != 4 || !Ascii.EqualsIgnoreCase(_header.Name(field), "From"u8))
            {
                continue;
            }

            _those.Clear();
            _table.AddFor(MailboxField.FirstDomain(_header.Value(field)), _those);
            if (first)
            {
                _keys.AddRange(_those);
            }
            else
            {
                _keys.RemoveAll(k => !_those.Contains(k));
            }

            first = false;
        }

        foreach (DkimKey key in _keys)
        {
            _isSimpleWanted |= key.BodyForm == DkimCanonicalization.Simple;
            _isRelaxedWanted |= key.BodyForm == DkimCanonicalization.Relaxed;
        }
    }
}
