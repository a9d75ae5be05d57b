using Microsoft.Extensions.Logging;

namespace Relay.Telemetry;

/// <summary>
/// The delivery log's file, opened when something is to be written. Failures are counted, logged at most once a minute, and answered with false: the caller keeps
/// the lines and tries again. For the delivery log's loop only.
/// </summary>
internal sealed class DeliveryFile(string path, TimeProvider time, ILogger log, RelayMetrics metrics)
{
    private static readonly TimeSpan LogPeriod = TimeSpan.FromMinutes(1);

    private FileStream? _file;
    private long _lastLogged;
    private bool _failed;

    public string Path { get; set; } = path;

    /// <summary>Appends whole lines: all of them, or none as far as the disk lets us take back a part.</summary>
    public async Task<bool> TryAppendAsync(ReadOnlyMemory<byte> lines)
    {
        long start = -1;
        try
        {
            _file ??= Open();
            // Not where we left off: a rotation by copy and truncate leaves the file shorter than that.
            start = _file.Seek(0, SeekOrigin.End);
            await _file.WriteAsync(lines).ConfigureAwait(false);
            if (_failed)
            {
                _failed = false;
                DeliveryLogEvents.Recovered(log, Path);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Failed(e);
            TakeBack(start);
            Close();
            return false;
        }
    }

    public void Close()
    {
        try
        {
            _file?.Dispose();
        }
        catch (IOException e)
        {
            Failed(e);
        }

        _file = null;
    }

    private FileStream Open()
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            // Addresses are nobody else's business.
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        }

        return new FileStream(Path, options);
    }

    /// <summary>A full disk takes the first part of a write: without it the lines, tried again, would stand behind half of themselves.</summary>
    private void TakeBack(long start)
    {
        if (start < 0)
        {
            return;
        }

        try
        {
            _file!.SetLength(start);
        }
        catch (IOException e)
        {
            Failed(e);
        }
    }

    private void Failed(Exception reason)
    {
        metrics.DeliveryLogFailed();
        if (!_failed || time.GetElapsedTime(_lastLogged) >= LogPeriod)
        {
            _failed = true;
            _lastLogged = time.GetTimestamp();
            DeliveryLogEvents.Failed(log, Path, reason.Message);
        }
    }
}
