using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Relay.Protocol.Message;
using Relay.Protocol.Smtp;

namespace Relay.Telemetry;

/// <summary>
/// Formats delivery records, one JSON object on one line each, into a buffer that it reuses. Octets that are no UTF-8 come out as U+FFFD, so that whatever a peer
/// sent makes valid JSON. One thread at a time; the memory that <see cref="Format"/> gives is good until its next call.
/// </summary>
#pragma warning disable CA1001 // The writer holds nothing but memory, and its buffer is ours: there is nothing to dispose of.
internal sealed class DeliveryLine
#pragma warning restore CA1001
{
    private static readonly JsonEncodedText Time = JsonEncodedText.Encode("time");
    private static readonly JsonEncodedText Id = JsonEncodedText.Encode("id");
    private static readonly JsonEncodedText Event = JsonEncodedText.Encode("event");
    private static readonly JsonEncodedText From = JsonEncodedText.Encode("from");
    private static readonly JsonEncodedText To = JsonEncodedText.Encode("to");
    private static readonly JsonEncodedText Size = JsonEncodedText.Encode("size");
    private static readonly JsonEncodedText Attempt = JsonEncodedText.Encode("attempt");
    private static readonly JsonEncodedText Delay = JsonEncodedText.Encode("delay_ms");
    private static readonly JsonEncodedText NextHop = JsonEncodedText.Encode("next_hop");
    private static readonly JsonEncodedText Host = JsonEncodedText.Encode("host");
    private static readonly JsonEncodedText Address = JsonEncodedText.Encode("address");
    private static readonly JsonEncodedText Port = JsonEncodedText.Encode("port");
    private static readonly JsonEncodedText Source = JsonEncodedText.Encode("source");
    private static readonly JsonEncodedText Tls = JsonEncodedText.Encode("tls");
    private static readonly JsonEncodedText Version = JsonEncodedText.Encode("version");
    private static readonly JsonEncodedText Cipher = JsonEncodedText.Encode("cipher");
    private static readonly JsonEncodedText Verified = JsonEncodedText.Encode("verified");
    private static readonly JsonEncodedText Policy = JsonEncodedText.Encode("tls_policy");
    private static readonly JsonEncodedText Reply = JsonEncodedText.Encode("reply");
    private static readonly JsonEncodedText Code = JsonEncodedText.Encode("code");
    private static readonly JsonEncodedText Enhanced = JsonEncodedText.Encode("enhanced");
    private static readonly JsonEncodedText Text = JsonEncodedText.Encode("text");
    private static readonly JsonEncodedText Class = JsonEncodedText.Encode("class");
    private static readonly JsonEncodedText Client = JsonEncodedText.Encode("client");
    private static readonly JsonEncodedText Hello = JsonEncodedText.Encode("hello");
    private static readonly JsonEncodedText DeadLetter = JsonEncodedText.Encode("dead_letter");
    private static readonly JsonEncodedText NextAttempt = JsonEncodedText.Encode("next_attempt");

    private static readonly JsonEncodedText[] Events = [.. DeliveryEventWord.All.Select(static w => JsonEncodedText.Encode(w))];

    private readonly ArrayBufferWriter<byte> _line = new(1024);
    private readonly Utf8JsonWriter _json;

    public DeliveryLine()
    {
        // The relaxed encoder leaves '+', '<' and what isn't ASCII readable: this is a log and never part of an HTML page.
        _json = new Utf8JsonWriter(_line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>One line with its LF.</summary>
    public ReadOnlySpan<byte> Format(in DeliveryRecord record, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        _line.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        WriteTime(Time, record.Time);
        WriteId(record.Id);
        _json.WriteString(Event, Events[(int)record.Event]);
        _json.WriteString(From, from);
        _json.WriteString(To, to);
        _json.WriteNumber(Size, record.Size);
        _json.WriteNumber(Attempt, record.Attempt);
        _json.WriteNumber(Delay, record.DelayMs);
        if (record.NextHop is { } hop)
        {
            WriteHop(hop);
        }

        WriteIfPresent(Source, record.Source);
        if (record.Tls is { } tls)
        {
            _json.WriteStartObject(Tls);
            _json.WriteString(Version, tls.Version);
            _json.WriteString(Cipher, tls.Cipher);
            _json.WriteString(Verified, tls.Verified);
            _json.WriteEndObject();
        }

        WriteIfPresent(Policy, record.TlsPolicy);
        if (record.Reply is { } reply)
        {
            WriteReply(reply);
        }

        WriteIfPresent(Class, record.Class);
        WriteIfPresent(Client, record.Client);
        WriteIfPresent(Hello, record.Hello);
        if (record.IsDeadLetter)
        {
            _json.WriteBoolean(DeadLetter, true);
        }

        if (record.NextAttempt is { } next)
        {
            WriteTime(NextAttempt, next);
        }

        _json.WriteEndObject();
        _json.Flush();
        _line.GetSpan(1)[0] = (byte)'\n';
        _line.Advance(1);
        return _line.WrittenSpan;
    }

    private void WriteTime(JsonEncodedText name, DateTimeOffset time)
    {
        Span<byte> text = stackalloc byte[32];
        time.UtcDateTime.TryFormat(text, out int length, "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fff'Z'", CultureInfo.InvariantCulture);
        _json.WriteString(name, text[..length]);
    }

    private void WriteId(QueueId id)
    {
        Span<byte> text = stackalloc byte[QueueId.TextLength];
        id.TryFormat(text, out int length);
        _json.WriteString(Id, text[..length]);
    }

    private void WriteHop(NextHopInfo hop)
    {
        _json.WriteStartObject(NextHop);
        _json.WriteString(Host, hop.Host);
        if (hop.Address is { } address)
        {
            Span<byte> text = stackalloc byte[65];
            address.TryFormat(text, out int length);
            _json.WriteString(Address, text[..length]);
        }

        _json.WriteNumber(Port, hop.Port);
        _json.WriteEndObject();
    }

    private void WriteReply(PeerReply reply)
    {
        _json.WriteStartObject(Reply);
        _json.WriteNumber(Code, reply.Code);
        if (reply.Enhanced is { IsPresent: true } enhanced)
        {
            Span<byte> text = stackalloc byte[16];
            enhanced.Class.TryFormat(text, out int length, default, CultureInfo.InvariantCulture);
            text[length++] = (byte)'.';
            enhanced.Subject.TryFormat(text[length..], out int subject, default, CultureInfo.InvariantCulture);
            length += subject;
            text[length++] = (byte)'.';
            enhanced.Detail.TryFormat(text[length..], out int detail, default, CultureInfo.InvariantCulture);
            _json.WriteString(Enhanced, text[..(length + detail)]);
        }

        _json.WriteString(Text, reply.Text);
        _json.WriteEndObject();
    }

    private void WriteIfPresent(JsonEncodedText name, string? value)
    {
        if (value is not null)
        {
            _json.WriteString(name, value);
        }
    }
}
