using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Relay.Concurrency;
using Relay.Flow.Send;
using Relay.Protocol.Milter;

namespace Relay.Flow.Milter;

/// <summary>
/// One connection to a milter: what is written to it and what it answers, each wait with a deadline. Whatever the milter says or does is a value; after a <see cref="MilterFailure"/> the connection is good for nothing but to be disposed.
/// Its session's loop is its one user.
/// </summary>
internal sealed class MilterConnection : IDisposable
{
    /// <summary>Progress, and changes to a message, put the end of a wait off; but not beyond this many times the wait.</summary>
    private const int MostWaits = 2;

    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(1);

    private readonly Dialed _dialed;
    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private readonly Deadline _deadline;
    private readonly TimeProvider _time;

    private MilterConnection(Dialed dialed, Heartbeat heartbeat)
    {
        _dialed = dialed;
        _input = dialed.Transport.Input;
        _output = dialed.Transport.Output;
        _time = heartbeat.Time;
        _deadline = heartbeat.Register(OnDeadline);
    }

    /// <summary>What was negotiated.</summary>
    public MilterNegotiation Agreed { get; private set; }

    /// <summary>Where packets are written; <see cref="SendAsync"/> or <see cref="AskAsync"/> sends them.</summary>
    public PipeWriter Output => _output;

    /// <summary>Connects and negotiates.</summary>
    public static async ValueTask<(MilterConnection? Connection, MilterFailure? Failure)> OpenAsync(MilterService service)
    {
        (Dialed? dialed, MilterFailure? failure) = await service.DialAsync().ConfigureAwait(false);
        if (dialed is not { } transport)
        {
            return (null, failure);
        }

        var connection = new MilterConnection(transport, service.Heartbeat);
        MilterWriter.Negotiate(connection._output, MilterNegotiation.Offer);
        MilterAnswer answer = await connection.AskAsync(MilterStage.Negotiation, service.Options.ConnectTimeout, null).ConfigureAwait(false);
        if (answer.Failure is null && answer.Kind != MilterReplyKind.Negotiate)
        {
            answer = new MilterFailure(MilterFailureKind.Protocol, "it says that it has failed");
        }

        if (answer.Failure is null)
        {
            return (connection, null);
        }

        connection.Dispose();
        return (null, answer.Failure);
    }

    /// <summary>Sends what was written; it isn't answered.</summary>
    public async ValueTask<MilterFailure?> SendAsync(TimeSpan wait)
    {
        try
        {
            ValueTask<FlushResult> flush = _output.FlushAsync();
            if (!flush.IsCompleted)
            {
                _deadline.Set(wait);
            }

            FlushResult result = await flush.ConfigureAwait(false);
            return result.IsCanceled && _deadline.HasExpired ? MilterFailure.TimedOut : result.IsCompleted ? MilterFailure.Closed : null;
        }
        catch (Exception e) when (IsLost(e))
        {
            return MilterFailure.Closed;
        }
        finally
        {
            _deadline.Clear();
        }
    }

    /// <summary>Sends what was written and waits for the answer. Changes to the message, which come before it, go to <paramref name="edits"/>.</summary>
    public async ValueTask<MilterAnswer> AskAsync(MilterStage stage, TimeSpan wait, MilterEdits? edits)
    {
        if (await SendAsync(wait).ConfigureAwait(false) is { } unsent)
        {
            return unsent;
        }

        try
        {
            return await ReadAsync(stage, wait, edits).ConfigureAwait(false);
        }
        catch (Exception e) when (IsLost(e))
        {
            return MilterFailure.Closed;
        }
        finally
        {
            _deadline.Clear();
        }
    }

    /// <summary>Says good-bye, gives the milter a moment to hang up, so that it hears it, and closes.</summary>
    public async ValueTask LeaveAsync()
    {
        MilterPacket.Write(_output, MilterCommand.Quit, []);
        if (await SendAsync(FarewellLimit).ConfigureAwait(false) is null)
        {
            try
            {
                _deadline.Set(FarewellLimit);
                ReadResult read = await _input.ReadAsync().ConfigureAwait(false);
                _input.AdvanceTo(read.Buffer.End);
            }
            catch (Exception e) when (IsLost(e))
            {
                // It has hung up.
            }
        }

        Dispose();
    }

    /// <summary>Closes at once; what was written and not sent is lost.</summary>
    public void Dispose()
    {
        _deadline.Dispose();
        _output.Complete();
        _input.Complete();
        _dialed.Close.Dispose();
    }

    private static bool IsLost(Exception e) => e is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException;

    private async ValueTask<MilterAnswer> ReadAsync(MilterStage stage, TimeSpan wait, MilterEdits? edits)
    {
        long began = _time.GetTimestamp();
        _deadline.Set(wait);
        while (true)
        {
            ReadResult read = await _input.ReadAsync().ConfigureAwait(false);
            ReadOnlySequence<byte> buffer = read.Buffer;
            MilterAnswer? answer = Take(ref buffer, stage, edits, out bool moved);
            // A milter speaks when it is spoken to: what comes behind its answer would be taken for the next one.
            if (answer is { Failure: null } && !buffer.IsEmpty)
            {
                answer = new MilterFailure(MilterFailureKind.Protocol, "it says more than one answer");
            }

            _input.AdvanceTo(buffer.Start, buffer.End);
            if (answer is { } end)
            {
                return end;
            }

            if (edits is not null)
            {
                await edits.FlushAsync().ConfigureAwait(false);
            }

            if (read.IsCompleted)
            {
                return MilterFailure.Closed;
            }

            TimeSpan left = (MostWaits * wait) - _time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero || (read.IsCanceled && _deadline.HasExpired))
            {
                return MilterFailure.TimedOut;
            }

            if (moved)
            {
                _deadline.Set(left < wait ? left : wait);
            }
        }
    }

    /// <summary>Takes whole packets up to the answer. <paramref name="moved"/>: there were some.</summary>
    private MilterAnswer? Take(ref ReadOnlySequence<byte> buffer, MilterStage stage, MilterEdits? edits, out bool moved)
    {
        moved = false;
        while (true)
        {
            MilterPacketStatus status = MilterPacket.TryRead(ref buffer, out MilterReplyKind kind, out ReadOnlySequence<byte> data);
            if (status == MilterPacketStatus.NeedMoreData)
            {
                return null;
            }

            if (status == MilterPacketStatus.Malformed)
            {
                return new MilterFailure(MilterFailureKind.Protocol, "it sends a packet of no possible length");
            }

            if (!MilterGrammar.Allows(stage, kind, Agreed))
            {
                return new MilterFailure(MilterFailureKind.Protocol, FormattableString.Invariant($"it says 0x{(byte)kind:x2}, which it may not"));
            }

            moved = true;
            if (kind == MilterReplyKind.Progress)
            {
                continue;
            }

            if (!MilterGrammar.IsEdit(kind))
            {
                return Answer(kind, data);
            }

            if (edits!.Take(kind, data) is { } failure)
            {
                return failure;
            }
        }
    }

    private MilterAnswer Answer(MilterReplyKind kind, in ReadOnlySequence<byte> data)
    {
        switch (kind)
        {
            case MilterReplyKind.Negotiate:
                string? wrong = MilterNegotiation.TryRead(data.ToArray(), out MilterNegotiation agreed);
                Agreed = agreed;
                return wrong is null ? new MilterAnswer(kind) : new MilterFailure(MilterFailureKind.Protocol, wrong);
            case MilterReplyKind.ReplyCode:
                return MilterReplyCode.TryRead(data.ToArray(), out Protocol.Smtp.Reply? reply)
                    ? new MilterAnswer(kind, reply)
                    : new MilterFailure(MilterFailureKind.Protocol, "it wants a reply that is none");
            case MilterReplyKind.ConnectionFailed:
                return new MilterFailure(MilterFailureKind.Protocol, "it says that it has failed");
            default:
                return data.IsEmpty ? new MilterAnswer(kind) : new MilterFailure(MilterFailureKind.Protocol, "its answer has something behind it");
        }
    }

    /// <summary>Heartbeat thread.</summary>
    private void OnDeadline()
    {
        _input.CancelPendingRead();
        _output.CancelPendingFlush();
    }
}
