using System.Buffers;
using System.Text;
using Relay.Flow.Policy;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// The header section of a message that its author's own program hands in (RFC 6409 §8), on the message's way to <em>inner</em>: held until it is complete, then passed on with Date and Message-ID where they were missing, and without
/// Bcc; what follows passes through. So what is stored, and signed behind this, is the same. Whose From it is, <see cref="End"/> judges. One session's, one message at a time; reused after <see cref="Reset"/>.
/// </summary>
internal sealed class SubmissionHeader : IBufferWriter<byte>
{
    private const int PieceLength = 4096;

    private readonly HeaderSection _header = new();
    private readonly List<byte[]> _authors = [];
    private IBufferWriter<byte>? _inner;
    private Account? _account;
    private QueueId _id;
    private string _hostname = "";
    private DateTimeOffset _arrived;
    private byte[] _piece = [];
    private Reply? _refusal;

    /// <summary>A message begins. <paramref name="account"/> is whose From it has to be; null: somebody else has judged that.</summary>
    public void Begin(IBufferWriter<byte> inner, Account? account, QueueId id, string hostname, DateTimeOffset arrived)
    {
        _inner = inner;
        _account = account;
        _id = id;
        _hostname = hostname;
        _arrived = arrived;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_header.HasEnded && !_header.IsTooLong)
        {
            return _inner!.GetMemory(sizeHint);
        }

        if (_piece.Length < Math.Max(sizeHint, 1))
        {
            Release();
            _piece = ArrayPool<byte>.Shared.Rent(Math.Max(sizeHint, PieceLength));
        }

        return _piece;
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Advance(int count)
    {
        if (_header.IsTooLong)
        {
            return;
        }

        if (_header.HasEnded)
        {
            _inner!.Advance(count);
            return;
        }

        ReadOnlySpan<byte> text = _piece.AsSpan(0, count);
        int taken = _header.Append(text);
        if (_header.HasEnded && !_header.IsTooLong)
        {
            Pass();
            _inner!.Write("\r\n"u8);
            _inner!.Write(text[taken..]);
        }
    }

    /// <summary>The message has ended. Null, or why it is refused.</summary>
    public Reply? End()
    {
        if (!_header.HasEnded)
        {
            _header.End();
            if (!_header.IsTooLong)
            {
                Pass();
            }
        }

        return _header.IsTooLong ? Replies.HeaderTooLong550 : _refusal;
    }

    /// <summary>Forgets the message.</summary>
    public void Reset()
    {
        _header.Reset();
        _authors.Clear();
        _inner = null;
        _account = null;
        _refusal = null;
        Release();
    }

    /// <summary>The section is complete: what becomes of it goes on.</summary>
    private void Pass()
    {
        int from = 0;
        bool hasDate = false;
        bool hasId = false;
        bool areTheirs = true;
        for (int i = 0; i < _header.Count; i++)
        {
            HeaderField field = _header[i];
            ReadOnlySpan<byte> name = _header.Name(field);
            hasDate |= Ascii.EqualsIgnoreCase(name, "Date"u8);
            hasId |= Ascii.EqualsIgnoreCase(name, "Message-ID"u8);
            if (Ascii.EqualsIgnoreCase(name, "From"u8))
            {
                from++;
                areTheirs &= MailboxList.TryRead(_header.Value(field), _authors);
            }
        }

        if (_account is { } account)
        {
            _refusal = from != 1 ? Replies.FromOnce550 : areTheirs && _authors.TrueForAll(a => account.MaySendAs(a)) ? null : Replies.FromNotYours550;
        }

        // In front: behind them anything may stand that the client left unfinished.
        if (!hasDate)
        {
            Span<byte> date = stackalloc byte[MessageDate.TextLength];
            MessageDate.Format(_arrived, date);
            Write("Date: "u8, date);
        }

        if (!hasId)
        {
            Write("Message-ID: "u8, Encoding.ASCII.GetBytes($"<{_id}@{_hostname}>"));
        }

        WriteOthers();
    }

    /// <summary>Everything but Bcc (RFC 5322 §3.6.3): nobody is to see whom else the message went to.</summary>
    private void WriteOthers()
    {
        ReadOnlySpan<byte> octets = _header.Octets;
        int at = 0;
        for (int i = 0; i < _header.Count; i++)
        {
            HeaderField field = _header[i];
            ReadOnlySpan<byte> name = _header.Name(field);
            if (Ascii.EqualsIgnoreCase(name, "Bcc"u8) || Ascii.EqualsIgnoreCase(name, "Resent-Bcc"u8))
            {
                _inner!.Write(octets[at..field.Start]);
                at = field.Start + field.Length;
            }
        }

        _inner!.Write(octets[at..]);
    }

    private void Write(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        _inner!.Write(name);
        _inner!.Write(value);
        _inner!.Write("\r\n"u8);
    }

    private void Release()
    {
        if (_piece.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_piece);
            _piece = [];
        }
    }
}
