using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>The own file of one body while it is received. Belongs to a transaction, used by one thread at a time; made when the first octets are written.</summary>
internal sealed class BodyFile(SpoolDirectory spool)
{
    private QueueId _id;
    private int _file = -1;

    internal bool IsOpen => _file >= 0;

    internal long Length { get; private set; }

    internal uint Crc { get; private set; }

    internal void Begin(QueueId id)
    {
        _id = id;
        Length = 0;
        Crc = 0;
    }

    internal SpoolFailure Append(ReadOnlySpan<byte> bytes)
    {
        if (_file < 0)
        {
            int opening = spool.Files.Storage.Open(spool.Files.BodyPath(_id), OpenMode.CreateNew, out _file);
            if (opening != 0)
            {
                // Out of descriptors, for one, passes: this message fails, not the spool.
                _file = -1;
                return Refuse(opening);
            }
        }

        int error = spool.Files.WriteAll(_file, bytes, Length);
        if (error != 0)
        {
            if (!Errno.IsSpace(error))
            {
                spool.Condition.Fail($"writing {spool.Files.BodyPath(_id)}: {Errno.Text(error)}");
            }

            return Refuse(error);
        }

        Crc = Crc32C.Append(Crc, bytes);
        Length += bytes.Length;
        return SpoolFailure.None;
    }

    /// <summary>Reads what was written; returns an errno. On the caller's thread: it was written a moment ago and is in the page cache.</summary>
    internal int Read(long offset, Span<byte> into)
    {
        int error = spool.Files.ReadAll(_file, into, offset, out int read);
        return error != 0 ? error : read == into.Length ? 0 : Errno.InputOutput;
    }

    /// <summary>The content of another one takes the place of this one's, under this one's name.</summary>
    internal SpoolFailure Take(BodyFile other)
    {
        string path = spool.Files.BodyPath(_id);
        int error = other.IsOpen ? spool.Files.Storage.Rename(spool.Files.BodyPath(other._id), path) : IsOpen ? spool.Files.Storage.Unlink(path) : 0;
        if (error != 0)
        {
            return Refuse(error);
        }

        Keep();
        (_file, Length, Crc) = (other._file, other.Length, other.Crc);
        (other._file, other.Length) = (-1, 0);
        return SpoolFailure.None;
    }

    /// <summary>The content is durable. Its name becomes so with the committer's sync of the folder, one for all files of a batch, before the record that relies on both.</summary>
    internal SpoolFailure Complete()
    {
        int error = spool.Files.Sync(_file);
        if (error != 0)
        {
            spool.Condition.Fail($"syncing {spool.Files.BodyPath(_id)}: {Errno.Text(error)}");
            return SpoolFailure.Failed;
        }

        return SpoolFailure.None;
    }

    /// <summary>The message is accepted: the file stays.</summary>
    internal void Keep()
    {
        if (_file >= 0)
        {
            spool.Files.Storage.Close(_file);
            _file = -1;
            Length = 0;
        }
    }

    /// <summary>The file goes, if there is one. The unlinking is left to upkeep.</summary>
    internal void Discard()
    {
        if (_file >= 0)
        {
            Keep();
            spool.Segments.Unlink(_id);
        }
    }

    private SpoolFailure Refuse(int error)
    {
        SpoolLog.BodyNotWritten(spool.Log, _id, Errno.Text(error));
        return Errno.IsSpace(error) ? SpoolFailure.Full : SpoolFailure.Failed;
    }
}
