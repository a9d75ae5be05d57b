using System.Globalization;
using System.Text;
using Relay.Protocol.Message;

namespace Relay.Protocol.Tests.Message;

public class MessageDateTests
{
    private static string Format(DateTimeOffset date)
    {
        byte[] text = new byte[MessageDate.TextLength];
        MessageDate.Format(date, text);
        return Encoding.ASCII.GetString(text);
    }

    [Fact]
    public void J4_a_date_is_written_as_RFC_5322_writes_it()
    {
        Assert.Equal("Tue, 24 Nov 2026 08:00:38 +0000", Format(new DateTimeOffset(2026, 11, 24, 8, 0, 38, TimeSpan.Zero)));
        Assert.Equal("Sun, 01 Feb 2026 23:59:59 -0330", Format(new DateTimeOffset(2026, 2, 1, 23, 59, 59, new TimeSpan(-3, -30, 0))));
        Assert.Equal("Thu, 29 Feb 2024 00:00:00 +1400", Format(new DateTimeOffset(2024, 2, 29, 0, 0, 0, TimeSpan.FromHours(14))));
    }

    [Fact]
    public void The_library_reads_every_day_of_some_years_back()
    {
        var date = new DateTimeOffset(2023, 12, 30, 1, 2, 3, TimeSpan.FromHours(2));
        for (int day = 0; day < 1500; day++, date = date.AddDays(1).AddSeconds(61))
        {
            Assert.Equal(date, DateTimeOffset.ParseExact(Format(date).Insert(29, ":"), "ddd, dd MMM yyyy HH:mm:ss zzz", CultureInfo.InvariantCulture));
        }
    }
}
