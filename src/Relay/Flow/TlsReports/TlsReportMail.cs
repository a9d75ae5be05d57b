using System.Buffers;
using System.Globalization;
using System.Text;
using Relay.Protocol.Message;

namespace Relay.Flow.TlsReports;

/// <summary>The mail that carries a report (RFC 8460 §5.3). Pure; any thread.</summary>
internal static class TlsReportMail
{
    private const int LineOctets = 57;

    /// <summary>The whole message, 7-bit. <paramref name="gzip"/> is the report, packed.</summary>
    public static void Write(IBufferWriter<byte> output, TlsReport report, string domain, string host, string to, DateTimeOffset now, ReadOnlySpan<byte> gzip)
    {
        Span<byte> date = stackalloc byte[MessageDate.TextLength];
        MessageDate.Format(now, date);
        string boundary = "tls-report-" + report.ReportId.Split('@')[0];
        Text(output, $"""
            From: <{report.ContactInfo}>
            To: <{to}>
            Date: {Encoding.ASCII.GetString(date)}
            Subject: Report Domain: {domain} Submitter: {host}
             Report-ID: <{report.ReportId}>
            Message-ID: <{report.ReportId}>
            TLS-Report-Domain: {domain}
            TLS-Report-Submitter: {host}
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: multipart/report; report-type="tlsrpt"; boundary="{boundary}"

            --{boundary}
            Content-Type: text/plain; charset=us-ascii

            This is an aggregate report on TLS with the mail servers of {domain},
            as {host} saw it from {report.DateRange.StartDatetime.UtcDateTime:yyyy-MM-dd HH:mm:ss} to {report.DateRange.EndDatetime.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC.

            --{boundary}
            Content-Type: application/tlsrpt+gzip
            Content-Transfer-Encoding: base64
            Content-Disposition: attachment;
             filename="{host}!{domain}!{report.DateRange.StartDatetime.ToUnixTimeSeconds()}!{report.DateRange.EndDatetime.ToUnixTimeSeconds()}.json.gz"


            """);
        for (; gzip.Length > 0; gzip = gzip[Math.Min(LineOctets, gzip.Length)..])
        {
            Text(output, Convert.ToBase64String(gzip[..Math.Min(LineOctets, gzip.Length)]) + "\n");
        }

        Text(output, $"\n--{boundary}--\n");
    }

    private static void Text(IBufferWriter<byte> output, FormattableString text) => Text(output, text.ToString(CultureInfo.InvariantCulture));

    private static void Text(IBufferWriter<byte> output, string text) => output.Write(Encoding.ASCII.GetBytes(text.ReplaceLineEndings("\r\n")));
}
