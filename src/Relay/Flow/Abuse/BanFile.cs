using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Relay.Telemetry;

namespace Relay.Flow.Abuse;

/// <summary>Keeps bans over restarts: one file with a line for each, those that are over and still count for the next among them. One thread at a time.</summary>
/// <param name="path">Null keeps nothing.</param>
/// <param name="log">Told when it can't be read or written.</param>
internal sealed class BanFile(string? path, ILogger log)
{
    /// <summary>Puts what was kept into the table. A line that makes no sense is left out, and said.</summary>
    public void Load(AbuseTable table, long now)
    {
        if (path is null || !File.Exists(path))
        {
            return;
        }

        try
        {
            int number = 0;
            foreach (string line in File.ReadLines(path, Encoding.UTF8))
            {
                number++;
                if (!TryRestore(line, table, now))
                {
                    AbuseLog.BanNotRead(log, path, number);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            AbuseLog.BansNotRead(log, path, e.Message);
        }
    }

    /// <summary>Whether it was written; a later try may be.</summary>
    public async Task<bool> SaveAsync(AbuseTable table, long now)
    {
        if (path is null)
        {
            return true;
        }

        var text = new StringBuilder();
        foreach (BanStatus ban in table.Bans(now, remembered: true))
        {
            text.Append(CultureInfo.InvariantCulture, $"{ban.Address} {ban.Since:O} {ban.Until:O} {ban.Reason} {ban.Count} {ban.Bans}\n");
        }

        try
        {
            await StateFile.ReplaceAsync(path, Encoding.UTF8.GetBytes(text.ToString())).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            AbuseLog.BansNotKept(log, path, e.Message);
            return false;
        }
    }

    private static bool TryRestore(string line, AbuseTable table, long now)
    {
        string[] words = line.Split(' ');
        if (words.Length != 6
            || !ClientKey.TryParse(words[0], out ClientKey key)
            || !TryTime(words[1], out DateTimeOffset since)
            || !TryTime(words[2], out DateTimeOffset until)
            || !OffenceWord.TryParse(words[3], out Offence why)
            || !int.TryParse(words[4], NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            || !int.TryParse(words[5], NumberStyles.None, CultureInfo.InvariantCulture, out int bans))
        {
            return false;
        }

        table.Restore(key, since, until, why, count, bans, now);
        return true;
    }

    private static bool TryTime(string word, out DateTimeOffset time) => DateTimeOffset.TryParseExact(word, "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out time);
}
