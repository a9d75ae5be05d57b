using System.Text;
using Relay.Flow;
using Relay.Flow.Queue;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;
using Relay.Spool;

namespace Relay.Tests.Flow.Queue;

public class RetryScheduleTests
{
    private static readonly DateTimeOffset Arrived = new(2026, 11, 24, 8, 0, 0, TimeSpan.Zero);
    private static readonly RetrySchedule Schedule = new([TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(10)], TimeSpan.FromDays(5), TimeSpan.FromDays(1));

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 10)]
    [InlineData(3, 10)]
    [InlineData(100, 10)]
    public void The_wait_follows_the_list_and_then_its_last_entry_with_jitter(int attempts, double minutes)
    {
        var waits = new List<double>();
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            waits.Add((Schedule.Next(Message(), attempts, Arrived.AddHours(1), random)!.Value - Arrived.AddHours(1)).TotalMinutes);
        }

        Assert.All(waits, w => Assert.InRange(w, minutes * 0.75, minutes * 1.25));
        Assert.True(waits.Max() - waits.Min() > minutes * 0.4, "they spread");
    }

    [Fact]
    public void The_last_try_is_at_the_end_of_the_messages_time_and_then_there_is_none()
    {
        DateTimeOffset end = Arrived.AddDays(5);
        Assert.Equal(end, Schedule.Next(Message(), 9, end.AddMinutes(-1), new Random(1)));
        Assert.Null(Schedule.Next(Message(), 9, end, new Random(1)));
    }

    [Fact]
    public void A_held_message_is_kept_as_long_as_any_other_from_its_release_on()
    {
        SpooledMessage held = Message("HOLDFOR=864000");
        DateTimeOffset end = Arrived.AddDays(15);
        Assert.Equal(end, Schedule.End(held));
        Assert.Equal(end, Schedule.Next(held, 9, end.AddMinutes(-1), new Random(1)));
        Assert.Null(Schedule.Next(held, 9, end, new Random(1)));
    }

    [Fact]
    public void A_report_is_kept_for_a_shorter_time_than_mail()
    {
        SpooledMessage report = Message(reversePath: "");
        Assert.Equal(Arrived.AddDays(1), Schedule.End(report));
        Assert.Null(Schedule.Next(report, 9, Arrived.AddDays(1), new Random(1)));
        // Unless mail's is shorter still.
        Assert.Equal(Arrived.AddHours(1), new RetrySchedule([TimeSpan.FromMinutes(5)], TimeSpan.FromHours(1), TimeSpan.FromDays(1)).End(report));
    }

    [Fact]
    public void With_a_time_to_be_delivered_by_or_returned_there_is_no_try_behind_it()
    {
        SpooledMessage message = Message("BY=3600;R");
        DateTimeOffset by = Arrived.AddHours(1);
        Assert.Equal(by, Schedule.Next(message, 9, by.AddMinutes(-1), new Random(1)));
        Assert.Null(Schedule.Next(message, 9, by, new Random(1)));
        Assert.True(Queued(message, default).IsTooLate(by));
        Assert.False(Queued(message, default).IsTooLate(by.AddTicks(-1)));
    }

    [Fact]
    public void With_a_time_to_be_delivered_by_or_told_there_is_a_try_at_it_and_more_behind_it()
    {
        SpooledMessage message = Message("BY=3600;N");
        DateTimeOffset by = Arrived.AddHours(1);
        Assert.Equal(by, Schedule.Next(message, 9, by.AddMinutes(-1), new Random(1)));
        Assert.InRange(Schedule.Next(message, 9, by, new Random(1))!.Value, by.AddMinutes(7), by.AddMinutes(13));
        Assert.Equal(Arrived.AddDays(5), Schedule.End(message));
        Assert.False(Queued(message, default).IsTooLate(by.AddDays(1)));
        // Told once: by the attempt that was planned for then or before.
        Assert.False(Queued(message, by.AddMinutes(-5)).IsFirstLate(by.AddTicks(-1)));
        Assert.True(Queued(message, by).IsFirstLate(by));
        Assert.True(Queued(message, default).IsFirstLate(by.AddHours(3)));
        Assert.False(Queued(message, by.AddMinutes(10)).IsFirstLate(by.AddMinutes(11)));
    }

    private static QueuedMessage Queued(SpooledMessage message, DateTimeOffset next) => new(message, [0], new Destination("dest.example", null)) { NextAttempt = next };

    private static SpooledMessage Message(string parameters = "", string reversePath = "a@source.example")
    {
        Assert.Null(CommandParser.Parse(Encoding.ASCII.GetBytes($"MAIL FROM:<{reversePath}> {parameters}"), Extensions.FutureRelease | Extensions.DeliverBy, out Command mail));
        var envelope = new EnvelopeBuilder();
        envelope.Begin(mail.Path, mail.Mail, Arrived);
        envelope.TryAdd("u@dest.example"u8);
        return new SpooledMessage(new QueueId(1), envelope.Build(), 100, Arrived, null, ownFile: false);
    }
}
