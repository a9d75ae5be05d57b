using System.Buffers;
using System.Text;
using Relay.Protocol.Message;
using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Milter;

/// <summary>
/// A message that was received as a whole, as the milters see it one after the other, each with what those before it made of it. The header is in memory, the body lies in the spool and is read by the piece, so a message of any size takes the same
/// memory. Nothing is written again before <see cref="WriteAsync"/>, once for all milters. One thread at a time.
/// </summary>
internal sealed class MilterContent : IDisposable
{
    /// <summary>What a milter may say of an address is what any client might.</summary>
    public const Extensions Everything = (Extensions)uint.MaxValue;

    private const int Piece = 64 * 1024;

    private readonly MessageSpool _spool;
    private readonly SpoolTransaction _message;
    private readonly List<Field> _fields = [];
    private readonly List<MilterEdits.RecipientChange> _recipients = [];
    private byte[]? _sender;
    private SpoolTransaction? _body;
    private long _bodyAt;
    private bool _hasEmptyLine;

    /// <summary>The message is as it will be stored but for changes, our own Received field first. Owned by the caller, who writes nothing to it meanwhile.</summary>
    public MilterContent(MessageSpool spool, SpoolTransaction message, bool isBinary, long mostBody)
    {
        _spool = spool;
        _message = message;
        IsBinary = isBinary;
        MostBody = mostBody;
    }

    public bool IsBinary { get; }

    /// <summary>The largest body that a milter may put in the place of this one.</summary>
    public long MostBody { get; }

    /// <summary>The header's fields in order. What is none is among them, with a name of length 0.</summary>
    public IReadOnlyList<Field> Fields => _fields;

    public long BodyLength => (_body ?? _message).Length - _bodyAt;

    /// <summary>Header or body are other than what was received.</summary>
    public bool IsChanged { get; private set; }

    /// <summary>Sender or recipients are.</summary>
    public bool IsEnvelopeChanged => _sender is not null || _recipients.Count > 0;

    /// <summary>Who wants it held, and why; null: nobody.</summary>
    public (string Milter, string Reason)? Quarantine { get; private set; }

    /// <summary>Reads the header. Null, or why the message can't be looked at.</summary>
    public Reply? Load()
    {
        var section = new HeaderSection();
        byte[] piece = ArrayPool<byte>.Shared.Rent(Piece);
        try
        {
            long at = 0;
            while (!section.HasEnded && at < _message.Length)
            {
                Span<byte> text = piece.AsSpan(0, (int)Math.Min(Piece, _message.Length - at));
                if (!_message.TryRead(at, text))
                {
                    return Replies.LocalError451;
                }

                at += section.Append(text);
            }

            _hasEmptyLine = section.HasEnded;
            section.End();
            if (section.IsTooLong)
            {
                return Replies.HeaderTooLong550;
            }

            _bodyAt = at;
            Split(section);
            return null;
        }
        finally
        {
            section.Reset();
            ArrayPool<byte>.Shared.Return(piece);
        }
    }

    /// <summary>Reads a piece of the body. False when the disk doesn't give it.</summary>
    public bool TryReadBody(long offset, Span<byte> into) => (_body ?? _message).TryRead(_bodyAt + offset, into);

    /// <summary>What a milter wants changed while it answers.</summary>
    public MilterEdits Edit(bool leadingSpace) => new(_spool, _message, leadingSpace, IsBinary, MostBody);

    /// <summary>The milter is done: what it wants changed is.</summary>
    public void Apply(MilterEdits edits, string milter)
    {
        foreach (MilterEdits.HeaderChange change in edits.Headers)
        {
            Apply(change);
        }

        if (edits.TakeBody() is { } body)
        {
            _body?.Dispose();
            (_body, _bodyAt, _hasEmptyLine) = (body, 0, true);
            IsChanged = true;
        }

        _sender = edits.Sender ?? _sender;
        _recipients.AddRange(edits.Recipients);
        Quarantine = edits.Quarantine is { } reason ? (milter, reason) : Quarantine;
    }

    /// <summary>Sender and recipients as they have become. With no recipient left there is nobody to send it to.</summary>
    public void ApplyTo(EnvelopeBuilder builder)
    {
        Envelope before = builder.Build();
        ReadOnlySpan<byte> sender = before.ReversePath;
        if (_sender is not null)
        {
            CommandParser.Parse(_sender, Everything, out Command mail);
            sender = mail.Path;
        }

        builder.Begin(sender, before);
        for (int i = 0; i < before.RecipientCount; i++)
        {
            ReadOnlySpan<byte> recipient = before.Recipient(i);
            if (!IsDeleted(recipient))
            {
                DsnNotify notify = before.NotifyOf(i, out ReadOnlySpan<byte> original);
                builder.TryAdd(recipient, new RcptParameters { Notify = notify, OriginalRecipient = original });
            }
        }

        foreach (MilterEdits.RecipientChange change in _recipients)
        {
            if (change.Adds && !IsDeleted(change.Path) && CommandParser.Parse(change.Line, Everything, out Command rcpt) is null)
            {
                builder.TryAdd(rcpt.Path, rcpt.Rcpt);
            }
        }
    }

    /// <summary>
    /// Writes the message as it has become: what stands above our own Received field, and that, to <paramref name="target"/>, the rest to <paramref name="signed"/>, which leads there. Null when the disk doesn't give what is to be written; otherwise what
    /// there is to know of the content.
    /// </summary>
    public async ValueTask<EnvelopeFlags?> WriteAsync(SpoolTransaction target, IBufferWriter<byte> signed)
    {
        var scan = default(ChunkScanner);
        bool isBelow = false;
        foreach (Field field in _fields)
        {
            scan.Scan(field.Raw);
            (isBelow ? signed : target).Write(field.Raw);
            isBelow |= field.IsOwn;
        }

        if (_hasEmptyLine)
        {
            scan.Scan("\r\n"u8);
            signed.Write("\r\n"u8);
        }

        byte[] piece = ArrayPool<byte>.Shared.Rent(Piece);
        try
        {
            for (long at = 0; at < BodyLength; at += Piece)
            {
                int length = (int)Math.Min(Piece, BodyLength - at);
                if (!TryReadBody(at, piece.AsSpan(0, length)))
                {
                    return null;
                }

                scan.Scan(piece.AsSpan(0, length));
                signed.Write(piece.AsSpan(0, length));
                await target.FlushAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        return (scan.HasLeadingDot ? EnvelopeFlags.HasLeadingDot : EnvelopeFlags.None) | (scan.HasEightBit ? EnvelopeFlags.EightBit : EnvelopeFlags.None) |
            (scan.HasBareLineEnding ? EnvelopeFlags.Binary : EnvelopeFlags.None);
    }

    public void Dispose() => _body?.Dispose();

    private void Split(HeaderSection section)
    {
        int at = 0;
        for (int i = 0; i < section.Count; i++)
        {
            HeaderField field = section[i];
            AddRest(section.Octets[at..field.Start]);
            _fields.Add(new Field(WithEnding(section.Raw(field)), field.NameLength, IsOwn: _fields.Count == 0));
            at = field.Start + field.Length;
        }

        AddRest(section.Octets[at..]);
    }

    private void AddRest(ReadOnlySpan<byte> octets)
    {
        if (!octets.IsEmpty)
        {
            _fields.Add(new Field(WithEnding(octets), 0, IsOwn: false));
        }
    }

    private static byte[] WithEnding(ReadOnlySpan<byte> octets) => octets.EndsWith("\r\n"u8) ? octets.ToArray() : [.. octets, .. "\r\n"u8];

    private void Apply(MilterEdits.HeaderChange change)
    {
        IsChanged = true;
        var field = change.Field is { } text ? new Field(text, change.Name.Length, IsOwn: false) : default;
        switch (change.Kind)
        {
            case MilterReplyKind.AddHeader:
                _fields.Add(field);
                return;
            case MilterReplyKind.InsertHeader:
                // 0 is above our own Received field, as with Postfix and Sendmail.
                _fields.Insert((int)Math.Min(change.Index, (uint)_fields.Count), field);
                return;
        }

        int place = Find(change.Name, Math.Max(change.Index, 1));
        if (place >= 0 && change.Field is not null)
        {
            _fields[place] = field;
        }
        else if (place >= 0)
        {
            _fields.RemoveAt(place);
        }
        else if (change.Field is not null)
        {
            // smfi_chgheader: a field that isn't there is added.
            _fields.Add(field);
        }
    }

    /// <summary>The field with a number among those of its name that milters are shown; -1: there is none.</summary>
    private int Find(ReadOnlySpan<byte> name, uint number)
    {
        for (int i = 0; i < _fields.Count; i++)
        {
            Field field = _fields[i];
            if (!field.IsOwn && Ascii.EqualsIgnoreCase(field.Name, name) && --number == 0)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Of several words on one address the last one counts.</summary>
    private bool IsDeleted(ReadOnlySpan<byte> path)
    {
        for (int i = _recipients.Count - 1; i >= 0; i--)
        {
            if (EnvelopeBuilder.SameMailbox(_recipients[i].Path, path))
            {
                return !_recipients[i].Adds;
            }
        }

        return false;
    }

    /// <summary>A header field with its CRLF, or what stands between fields (no name). <paramref name="IsOwn"/>: our own Received field, which milters don't see.</summary>
    internal readonly record struct Field(byte[] Raw, int NameLength, bool IsOwn)
    {
        public ReadOnlySpan<byte> Name => Raw.AsSpan(0, NameLength);
    }
}
