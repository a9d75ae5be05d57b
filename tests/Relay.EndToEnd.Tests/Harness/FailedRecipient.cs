using MimeKit;

namespace Relay.EndToEnd.Tests.Harness;

/// <summary>A failure report (RFC 3464), read by MimeKit.</summary>
internal static class FailedRecipient
{
    /// <summary>The fields of the first recipient in the report.</summary>
    public static async Task<HeaderList> OfAsync(ArrivedMessage report)
    {
        using var content = new MemoryStream(report.Original.ToArray());
        MultipartReport parsed = Assert.IsType<MultipartReport>((await MimeMessage.LoadAsync(content, TestContext.Current.CancellationToken)).Body);
        return parsed.OfType<MessageDeliveryStatus>().Single().StatusGroups[1];
    }
}
