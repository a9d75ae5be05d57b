using System.Buffers;
using Relay.Protocol.Milter;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Milter;

/// <summary>
/// The milters of one SMTP session, asked one after the other: the first that doesn't let it go on decides. A command is put down first (<c>Prepare…</c>), while it is in the client's buffer, and then asked about. Its session's loop is its one user.
/// </summary>
internal sealed class SessionMilters(IReadOnlyList<MilterService> services, MilterClientInfo info) : IDisposable
{
    private readonly MilterClient[] _milters = [.. services.Select(s => new MilterClient(s, info))];
    private readonly ArrayBufferWriter<byte> _data = new(256);
    private MilterStage _stage;
    private MilterCommand _command;

    public MilterClientInfo Info => info;

    /// <summary>The milter that wants the transaction thrown away; null: none does.</summary>
    public string? DiscardedBy { get; private set; }

    /// <summary>Some milter wants to hear of recipients that were refused, too.</summary>
    public bool WantsRefused => DiscardedBy is null && Array.Exists(_milters, static m => m.WantsRefused);

    /// <summary>Some milter has something to say of the message of this transaction.</summary>
    public bool WantContent => Array.Exists(_milters, static m => m.WantsContent);

    /// <summary>A message is about to come, under this id.</summary>
    public void Begin(string queueId) => info.QueueId = queueId;

    public void PrepareHello()
    {
        Prepare(MilterStage.Helo, MilterCommand.Helo);
        MilterWriter.Text(_data, info.Hello);
    }

    public void PrepareMail(ReadOnlySpan<byte> path, ReadOnlySpan<byte> parameters)
    {
        info.Sender = System.Text.Encoding.UTF8.GetString(path);
        Prepare(MilterStage.Mail, MilterCommand.Mail);
        MilterWriter.PathData(_data, path, parameters);
    }

    /// <summary><paramref name="refusal"/>: we have refused it.</summary>
    public void PrepareRcpt(ReadOnlySpan<byte> path, ReadOnlySpan<byte> parameters, Reply? refusal)
    {
        info.Recipient = System.Text.Encoding.UTF8.GetString(path);
        info.RecipientRefusal = refusal;
        Prepare(MilterStage.Rcpt, MilterCommand.Rcpt);
        MilterWriter.PathData(_data, path, parameters);
    }

    public void PrepareData() => Prepare(MilterStage.Data, MilterCommand.Data);

    public void PrepareUnknown(ReadOnlySpan<byte> line)
    {
        Prepare(MilterStage.Unknown, MilterCommand.Unknown);
        MilterWriter.Text(_data, line[..(line.IndexOf((byte)0) is var end and >= 0 ? end : line.Length)]);
    }

    /// <summary>The session begins. Null, or why the client is turned away.</summary>
    public async ValueTask<Reply?> ConnectAsync()
    {
        foreach (MilterClient milter in _milters)
        {
            if (await milter.ConnectAsync().ConfigureAwait(false) is { IsContinue: false } verdict)
            {
                return verdict.Refusal;
            }
        }

        return null;
    }

    /// <summary>Asks about what was prepared. Null, or the refusal. Once it is to be discarded nobody is asked about a transaction any more.</summary>
    public async ValueTask<Reply?> AskAsync()
    {
        if (_stage == MilterStage.Helo || _stage == MilterStage.Mail)
        {
            EndTransaction();
        }

        foreach (MilterClient milter in DiscardedBy is null ? _milters : [])
        {
            if (info.RecipientRefusal is not null && _stage == MilterStage.Rcpt && !milter.WantsRefused)
            {
                continue;
            }

            MilterVerdict verdict = await AskAsync(milter).ConfigureAwait(false);
            if (verdict.IsDiscard)
            {
                DiscardedBy = milter.Name;
                return null;
            }

            if (verdict.Refusal is { } refusal)
            {
                return refusal;
            }
        }

        return null;
    }

    /// <summary>The message is here as a whole. Null, or the refusal; what the milters want changed is in <paramref name="content"/>.</summary>
    public async ValueTask<Reply?> FilterAsync(MilterContent content)
    {
        foreach (MilterClient milter in _milters)
        {
            MilterVerdict verdict = await milter.FilterAsync(content).ConfigureAwait(false);
            if (verdict.IsDiscard)
            {
                DiscardedBy = milter.Name;
                return null;
            }

            if (verdict.Refusal is { } refusal)
            {
                return refusal;
            }
        }

        return null;
    }

    /// <summary>The transaction is over, one way or another.</summary>
    public void EndTransaction()
    {
        DiscardedBy = null;
        info.QueueId = null;
        foreach (MilterClient milter in _milters)
        {
            milter.EndMessage();
        }
    }

    /// <summary>The client is another one from now on (XCLIENT).</summary>
    public async ValueTask<Reply?> RestartAsync()
    {
        foreach (MilterClient milter in _milters)
        {
            await milter.RestartAsync().ConfigureAwait(false);
        }

        return await ConnectAsync().ConfigureAwait(false);
    }

    /// <summary>The session is over.</summary>
    public async ValueTask EndAsync()
    {
        foreach (MilterClient milter in _milters)
        {
            await milter.EndAsync().ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        foreach (MilterClient milter in _milters)
        {
            milter.Dispose();
        }
    }

    private ValueTask<MilterVerdict> AskAsync(MilterClient milter) => _stage switch
    {
        MilterStage.Helo => milter.HelloAsync(_data.WrittenMemory),
        MilterStage.Mail => milter.MailAsync(_data.WrittenMemory),
        _ => milter.AskAsync(_stage, _command, _data.WrittenMemory),
    };

    private void Prepare(MilterStage stage, MilterCommand command)
    {
        _data.ResetWrittenCount();
        _stage = stage;
        _command = command;
    }
}
