using System.Buffers;
using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Milter;

/// <summary>
/// One milter in one SMTP session: its connection, over several transactions, and what it has said that still holds. A milter that fails is out until the next transaction begins, which tries again; what its failure means for the present one is
/// configured. Its session's loop is its one user.
/// </summary>
internal sealed class MilterClient(MilterService service, MilterClientInfo info) : IDisposable
{
    private readonly MilterOptions _options = service.Options;
    private MilterConnection? _connection;

    /// <summary>It isn't asked any more in this session, or for this transaction.</summary>
    private bool _isDoneWithSession;
    private bool _isDoneWithMessage;

    /// <summary>It has failed, and this is what the transaction is answered; null: it hasn't, or is done without.</summary>
    private Reply? _standing;

    /// <summary>It has heard of a transaction that hasn't ended for it.</summary>
    private bool _isInMessage;
    private bool _owesAbort;

    public string Name => _options.Name;

    /// <summary>Wants to hear of recipients that were refused, too.</summary>
    public bool WantsRefused => IsAsked && _connection is { } connection && (connection.Agreed.Steps & MilterSteps.RefusedRecipients) != 0;

    /// <summary>Has something to say of the message of this transaction.</summary>
    public bool WantsContent => IsAsked || _standing is not null;

    private bool IsAsked => !_isDoneWithSession && !_isDoneWithMessage && _standing is null;

    /// <summary>A session begins. A failure is told when a transaction does.</summary>
    public async ValueTask<MilterVerdict> ConnectAsync()
    {
        _isDoneWithSession = _options.SkipsTrusted && info.IsTrusted;
        _isDoneWithMessage = false;
        _standing = null;
        return _isDoneWithSession ? MilterVerdict.Continue : (await StartAsync().ConfigureAwait(false)).Verdict;
    }

    public async ValueTask<MilterVerdict> HelloAsync(ReadOnlyMemory<byte> data)
    {
        EndMessage();
        return _connection is null || _isDoneWithSession ? MilterVerdict.Continue : await AskAsync(MilterStage.Helo, MilterCommand.Helo, data, isSession: true).ConfigureAwait(false);
    }

    /// <summary>A transaction begins; a milter that has failed is tried again.</summary>
    public async ValueTask<MilterVerdict> MailAsync(ReadOnlyMemory<byte> data)
    {
        EndMessage();
        _standing = null;
        _isDoneWithMessage = _options.SkipsAuthenticated && info.Login is not null;
        if (!IsAsked)
        {
            return MilterVerdict.Continue;
        }

        if (_connection is null)
        {
            (bool failed, MilterVerdict verdict) = await StartAsync().ConfigureAwait(false);
            if (failed)
            {
                return Stand();
            }

            if (!verdict.IsContinue || _isDoneWithSession)
            {
                return verdict;
            }
        }

        _isInMessage = true;
        return await AskAsync(MilterStage.Mail, MilterCommand.Mail, data).ConfigureAwait(false);
    }

    public ValueTask<MilterVerdict> AskAsync(MilterStage stage, MilterCommand command, ReadOnlyMemory<byte> data) => AskAsync(stage, command, data, isSession: false);

    /// <summary>The message, as those before made it; what this one wants changed is then changed in it.</summary>
    public async ValueTask<MilterVerdict> FilterAsync(MilterContent content)
    {
        if (!IsAsked)
        {
            return _standing is { } refusal ? new MilterVerdict(refusal) : MilterVerdict.Continue;
        }

        long began = service.Time.GetTimestamp();
        MilterVerdict verdict = await FilterAsync(content, began).ConfigureAwait(false);
        service.Metrics.MilterMessage(Name, service.Time.GetElapsedTime(began).TotalSeconds);
        return verdict;
    }

    /// <summary>The transaction is over. The milter is told with what it is told next.</summary>
    public void EndMessage()
    {
        _owesAbort |= _isInMessage && _connection is not null;
        _isInMessage = false;
        _isDoneWithMessage = false;
        _standing = null;
    }

    /// <summary>The client is another one from now on (XCLIENT).</summary>
    public async ValueTask RestartAsync()
    {
        EndMessage();
        if (_connection is { } connection)
        {
            _owesAbort = false;
            _connection = null;
            await connection.LeaveAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The session is over: a farewell, which isn't waited for.</summary>
    public async ValueTask EndAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.LeaveAsync().ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _connection?.Dispose();
        _connection = null;
    }

    /// <summary>Connects, negotiates, and says what was said in the session so far.</summary>
    private async ValueTask<(bool Failed, MilterVerdict Verdict)> StartAsync()
    {
        (_connection, MilterFailure? failure) = await MilterConnection.OpenAsync(service).ConfigureAwait(false);
        if (failure is not null)
        {
            service.Failed(nameof(MilterStage.Connect), failure);
            return (true, MilterVerdict.Continue);
        }

        var data = new ArrayBufferWriter<byte>(128);
        MilterWriter.ConnectData(data, info.ShownName, info.Client);
        MilterVerdict verdict = await AskAsync(MilterStage.Connect, MilterCommand.Connect, data.WrittenMemory, isSession: true).ConfigureAwait(false);
        if (verdict.IsContinue && !_isDoneWithSession && _connection is not null && info.Hello.Length > 0)
        {
            data.Clear();
            MilterWriter.Text(data, info.Hello);
            verdict = await AskAsync(MilterStage.Helo, MilterCommand.Helo, data.WrittenMemory, isSession: true).ConfigureAwait(false);
        }

        return (_connection is null && !_isDoneWithSession, verdict);
    }

    private async ValueTask<MilterVerdict> FilterAsync(MilterContent content, long began)
    {
        MilterConnection connection = _connection!;
        MilterVerdict verdict = await HeaderAsync(connection, content, began).ConfigureAwait(false);
        if (verdict.IsContinue && IsAsked)
        {
            verdict = await AskContentAsync(connection, MilterStage.EndOfHeader, MilterCommand.EndOfHeader, began).ConfigureAwait(false);
        }

        if (verdict.IsContinue && IsAsked)
        {
            verdict = await BodyAsync(connection, content, began).ConfigureAwait(false);
        }

        if (!verdict.IsContinue || !IsAsked)
        {
            return verdict;
        }

        using MilterEdits edits = content.Edit(LeadingSpace(connection));
        Write(connection, MilterStage.EndOfMessage, MilterCommand.EndOfBody, []);
        MilterAnswer answer = await connection.AskAsync(MilterStage.EndOfMessage, Left(began), edits).ConfigureAwait(false);
        _isInMessage = false;
        verdict = Judge(MilterStage.EndOfMessage, answer);
        if (answer.Kind is MilterReplyKind.Continue or MilterReplyKind.Accept)
        {
            content.Apply(edits, Name);
            service.Worked();
        }

        return verdict;
    }

    private async ValueTask<MilterVerdict> HeaderAsync(MilterConnection connection, MilterContent content, long began)
    {
        if (!connection.Agreed.Wants(MilterStage.Header))
        {
            return MilterVerdict.Continue;
        }

        var data = new ArrayBufferWriter<byte>(1024);
        foreach (MilterContent.Field field in content.Fields)
        {
            if (field.IsOwn || field.NameLength == 0)
            {
                continue;
            }

            data.ResetWrittenCount();
            MilterWriter.HeaderData(data, field.Raw, field.NameLength, LeadingSpace(connection));
            if (data.WrittenCount > MilterPacket.MaximumChunk)
            {
                data = Cut(data);
            }

            MilterPacket.Write(connection.Output, MilterCommand.Header, data.WrittenSpan);
            MilterVerdict verdict = await AnswerAsync(connection, MilterStage.Header, began).ConfigureAwait(false);
            if (!verdict.IsContinue || !IsAsked)
            {
                return verdict;
            }
        }

        return MilterVerdict.Continue;
    }

    private async ValueTask<MilterVerdict> BodyAsync(MilterConnection connection, MilterContent content, long began)
    {
        if (!connection.Agreed.Wants(MilterStage.Body))
        {
            return MilterVerdict.Continue;
        }

        for (long at = 0; at < content.BodyLength; at += MilterPacket.MaximumChunk)
        {
            // Read right into what is sent.
            int length = (int)Math.Min(MilterPacket.MaximumChunk, content.BodyLength - at);
            Memory<byte> packet = connection.Output.GetMemory(MilterPacket.HeaderLength + length)[..(MilterPacket.HeaderLength + length)];
            MilterPacket.WriteHeader(packet.Span, MilterCommand.Body, length);
            if (!content.TryReadBody(at, packet.Span[MilterPacket.HeaderLength..]))
            {
                return Judge(MilterStage.Body, new MilterFailure(MilterFailureKind.Spool, "the message can't be read from the spool"));
            }

            connection.Output.Advance(packet.Length);
            MilterAnswer answer = await AnswerOfAsync(connection, MilterStage.Body, began).ConfigureAwait(false);
            if (answer.Kind == MilterReplyKind.Skip)
            {
                return MilterVerdict.Continue;
            }

            MilterVerdict verdict = Judge(MilterStage.Body, answer);
            if (!verdict.IsContinue || !IsAsked)
            {
                return verdict;
            }
        }

        return MilterVerdict.Continue;
    }

    /// <summary>A stage of the content without data of its own.</summary>
    private async ValueTask<MilterVerdict> AskContentAsync(MilterConnection connection, MilterStage stage, MilterCommand command, long began)
    {
        if (!connection.Agreed.Wants(stage))
        {
            return MilterVerdict.Continue;
        }

        Write(connection, stage, command, []);
        return await AnswerAsync(connection, stage, began).ConfigureAwait(false);
    }

    private async ValueTask<MilterVerdict> AnswerAsync(MilterConnection connection, MilterStage stage, long began) => Judge(stage, await AnswerOfAsync(connection, stage, began).ConfigureAwait(false));

    /// <summary>Sends what was written for a stage of the content, and gets the answer where there is one.</summary>
    private async ValueTask<MilterAnswer> AnswerOfAsync(MilterConnection connection, MilterStage stage, long began)
    {
        if (connection.Agreed.Answers(stage))
        {
            return await connection.AskAsync(stage, Left(began), null).ConfigureAwait(false);
        }

        return await connection.SendAsync(Left(began)).ConfigureAwait(false) is { } failure ? failure : MilterAnswer.Continue;
    }

    private async ValueTask<MilterVerdict> AskAsync(MilterStage stage, MilterCommand command, ReadOnlyMemory<byte> data, bool isSession)
    {
        if (!isSession && !IsAsked)
        {
            return _standing is { } refusal ? new MilterVerdict(refusal) : MilterVerdict.Continue;
        }

        if (_connection is not { } connection || !connection.Agreed.Wants(stage))
        {
            return MilterVerdict.Continue;
        }

        Write(connection, stage, command, data.Span);
        if (connection.Agreed.Answers(stage))
        {
            return Judge(stage, await connection.AskAsync(stage, _options.CommandTimeout, null).ConfigureAwait(false));
        }

        return await connection.SendAsync(_options.CommandTimeout).ConfigureAwait(false) is { } failure ? Judge(stage, failure) : MilterVerdict.Continue;
    }

    private void Write(MilterConnection connection, MilterStage stage, MilterCommand command, ReadOnlySpan<byte> data)
    {
        if (_owesAbort)
        {
            _owesAbort = false;
            MilterPacket.Write(connection.Output, MilterCommand.Abort, []);
        }

        MilterMacros.Write(connection.Output, stage, command, connection.Agreed, info);
        MilterPacket.Write(connection.Output, command, data);
    }

    /// <summary>What an answer means, for now and for later.</summary>
    private MilterVerdict Judge(MilterStage stage, MilterAnswer answer)
    {
        if (answer.Failure is { } failure)
        {
            return Fail(stage, failure);
        }

        service.Metrics.MilterAnswered(Name, answer.Kind.ToString());
        bool isSession = stage is MilterStage.Connect or MilterStage.Helo;
        switch (answer.Kind)
        {
            case MilterReplyKind.Accept:
                _isDoneWithSession |= isSession;
                _isDoneWithMessage |= !isSession && stage != MilterStage.Unknown;
                return MilterVerdict.Continue;
            case MilterReplyKind.Reject:
                return new MilterVerdict(Replies.FilterRefused550);
            case MilterReplyKind.TempFail:
                return new MilterVerdict(Replies.FilterLater451);
            case MilterReplyKind.ReplyCode:
                return new MilterVerdict(answer.Reply);
            case MilterReplyKind.Shutdown:
                return new MilterVerdict(Replies.FilterShutdown421);
            case MilterReplyKind.Discard:
                return new MilterVerdict(null, IsDiscard: true);
            default:
                return MilterVerdict.Continue;
        }
    }

    /// <summary>The connection is given up. Before a transaction nobody is told; in one, what is configured.</summary>
    private MilterVerdict Fail(MilterStage stage, MilterFailure failure)
    {
        service.Failed(stage.ToString(), failure);
        Dispose();
        bool wasInMessage = _isInMessage;
        _isInMessage = _owesAbort = false;
        if (failure.Kind == MilterFailureKind.Spool)
        {
            // Ours, whatever is configured for the milter's own.
            return new MilterVerdict(_standing = Replies.LocalError451);
        }

        bool isForMessage = stage is not (MilterStage.Connect or MilterStage.Helo or MilterStage.Unknown);
        MilterVerdict standing = isForMessage || wasInMessage ? Stand() : MilterVerdict.Continue;
        return isForMessage ? standing : MilterVerdict.Continue;
    }

    private MilterVerdict Stand()
    {
        _standing = service.OnFailure;
        _isDoneWithMessage = _standing is null;
        return new MilterVerdict(_standing);
    }

    /// <summary>The wait for the next answer about a message: the whole of it takes no longer than twice that.</summary>
    private TimeSpan Left(long began)
    {
        TimeSpan left = (2 * _options.ContentTimeout) - service.Time.GetElapsedTime(began);
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < _options.ContentTimeout ? left : _options.ContentTimeout;
    }

    private static bool LeadingSpace(MilterConnection connection) => (connection.Agreed.Steps & MilterSteps.LeadingSpace) != 0;

    /// <summary>A field that is longer than a packet may be: as far as it fits.</summary>
    private static ArrayBufferWriter<byte> Cut(ArrayBufferWriter<byte> data)
    {
        var cut = new ArrayBufferWriter<byte>(MilterPacket.MaximumChunk);
        cut.Write(data.WrittenSpan[..(MilterPacket.MaximumChunk - 1)]);
        cut.Write("\0"u8);
        return cut;
    }
}
