using System.Buffers;
using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Flow.Milter;

/// <summary>
/// What one milter wants changed of a message, gathered until it has said its last word; a milter that fails before has changed nothing. Bounded: a milter that wants more has failed. What it puts in place of the body goes to the spool as
/// it comes. One thread at a time.
/// </summary>
internal sealed class MilterEdits(MessageSpool spool, SpoolTransaction beside, bool leadingSpace, bool isBinary, long mostBody) : IDisposable
{
    private const int MostChanges = 10_000;
    private const int MostOctets = 1024 * 1024;
    private const int MostRecipients = 1000;

    private readonly List<HeaderChange> _headers = [];
    private readonly List<RecipientChange> _recipients = [];
    private MilterBodyLines _lines;
    private int _octets;
    private int _changes;

    public IReadOnlyList<HeaderChange> Headers => _headers;

    public IReadOnlyList<RecipientChange> Recipients => _recipients;

    /// <summary>The new sender as a line of MAIL, checked; null: none.</summary>
    public byte[]? Sender { get; private set; }

    /// <summary>Why it is to be held; null: it isn't.</summary>
    public string? Quarantine { get; private set; }

    /// <summary>The new body; null: it stays.</summary>
    public SpoolTransaction? Body { get; private set; }

    /// <summary>Takes one change. Null, or why the milter has failed with it.</summary>
    public MilterFailure? Take(MilterReplyKind kind, in ReadOnlySequence<byte> data)
    {
        if (kind == MilterReplyKind.ReplaceBody)
        {
            return TakeBody(data);
        }

        _octets += (int)data.Length;
        if (++_changes > MostChanges || _octets > MostOctets)
        {
            return new MilterFailure(MilterFailureKind.Protocol, "it changes far too much");
        }

        ReadOnlySpan<byte> text = data.IsSingleSegment ? data.FirstSpan : data.ToArray();
        bool good = MilterEdit.TryRead(kind, text, out MilterEdit edit) && kind switch
        {
            MilterReplyKind.AddHeader or MilterReplyKind.InsertHeader or MilterReplyKind.ChangeHeader => TakeHeader(kind, edit),
            MilterReplyKind.Quarantine => TakeReason(edit),
            MilterReplyKind.ChangeSender => TakeSender(edit),
            _ => TakeRecipient(kind, edit),
        };
        return good ? null : new MilterFailure(MilterFailureKind.Protocol, FormattableString.Invariant($"it wants a change ('{(char)kind}') that is none"));
    }

    public ValueTask FlushAsync() => Body is { } body ? body.FlushAsync() : ValueTask.CompletedTask;

    /// <summary>The milter has said its last word. Whoever takes the body owns it.</summary>
    public SpoolTransaction? TakeBody()
    {
        if (Body is { } body && !isBinary)
        {
            _lines.End(body);
        }

        (SpoolTransaction? taken, Body) = (Body, null);
        return taken;
    }

    public void Dispose()
    {
        Body?.Dispose();
        Body = null;
    }

    private MilterFailure? TakeBody(in ReadOnlySequence<byte> data)
    {
        Body ??= spool.BeginBeside(beside);
        foreach (ReadOnlyMemory<byte> part in data)
        {
            if (isBinary)
            {
                Body.Write(part.Span);
            }
            else
            {
                _lines.Write(Body, part.Span);
            }
        }

        return Body.Length > mostBody ? new MilterFailure(MilterFailureKind.Protocol, "its body is larger than a message may be") : null;
    }

    private bool TakeHeader(MilterReplyKind kind, in MilterEdit edit)
    {
        bool deletes = kind == MilterReplyKind.ChangeHeader && edit.Second.IsEmpty;
        _headers.Add(new HeaderChange(kind, edit.Index, edit.First.ToArray(), deletes ? null : MilterField.Make(edit.First, edit.Second, leadingSpace)));
        return true;
    }

    private bool TakeReason(in MilterEdit edit)
    {
        string reason = Telemetry.LogText.Clean(edit.First);
        Quarantine = reason.Length == 0 ? "no reason given" : reason;
        return true;
    }

    private bool TakeSender(in MilterEdit edit)
    {
        byte[] line = Line("MAIL FROM:"u8, edit);
        Sender = line;
        return CommandParser.Parse(line, MilterContent.Everything, out _) is null;
    }

    private bool TakeRecipient(MilterReplyKind kind, in MilterEdit edit)
    {
        bool adds = kind != MilterReplyKind.DeleteRecipient;
        byte[] line = Line("RCPT TO:"u8, edit);
        // "postmaster" alone is nobody's address here: where that goes is decided at RCPT.
        if (_recipients.Count == MostRecipients || CommandParser.Parse(line, MilterContent.Everything, out Command command) is not null || !command.Path.Contains((byte)'@'))
        {
            return false;
        }

        _recipients.Add(new RecipientChange(adds, command.Path.ToArray(), line));
        return true;
    }

    /// <summary>As the client would have said it. Some milters leave the angle brackets out.</summary>
    private static byte[] Line(ReadOnlySpan<byte> command, in MilterEdit edit)
    {
        ReadOnlySpan<byte> address = edit.First.Trim(" \t"u8);
        bool bare = !address.StartsWith("<"u8);
        return [.. command, .. bare ? "<"u8 : [], .. address, .. bare ? ">"u8 : [], .. edit.Second.IsEmpty ? [] : " "u8, .. edit.Second];
    }

    /// <summary>A change of the header. <paramref name="Field"/>: as it is to stand in the message; null: the field is to go.</summary>
    internal sealed record HeaderChange(MilterReplyKind Kind, uint Index, byte[] Name, byte[]? Field);

    /// <summary>A recipient more or less, as a line of RCPT, checked.</summary>
    internal sealed record RecipientChange(bool Adds, byte[] Path, byte[] Line);
}
