using System.Buffers;
using System.Runtime.CompilerServices;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Message;

/// <summary>
/// Writes the Received field that every relay adds at the top of a message (RFC 5321 §4.4). What came from the client or from DNS gets in only when it can't mean anything else there;
/// otherwise "unknown" stands in its place. Allocates nothing; any thread.
/// </summary>
public static class ReceivedField
{
    // Five names and addresses of at most 255 octets, and some 200 of our own.
    private const int MaximumLength = 1536;

    private static readonly SearchValues<char> HostName = SearchValues.Create("-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");

    [SkipLocalsInit]
    public static void Write(IBufferWriter<byte> output, in ReceivedInfo info)
    {
        var field = new FieldBuffer(stackalloc byte[MaximumLength]);
        field.Append("Received: from "u8);
        field.Append(HelloName.IsValid(info.Hello) ? info.Hello : "unknown"u8);
        field.Append(" ("u8);
        field.Append(IsHostName(info.ClientName) ? info.ClientName! : "unknown");
        field.Append(" "u8);
        field.AppendLiteral(info.ClientAddress);
        field.Append(")\r\n\tby "u8);
        field.Append(info.By.Length <= Domain.MaximumLength ? info.By : "unknown");
        field.Append(" with "u8);
        field.Append(info.Protocol);
        field.Append(" id "u8);
        field.Append(info.Id);
        if (Mailbox.TryParse(info.For, out _, utf8: true))
        {
            field.Append("\r\n\tfor <"u8);
            field.Append(info.For);
            field.Append(">; "u8);
        }
        else
        {
            field.Append(";\r\n\t"u8);
        }

        field.Append(info.Date);
        field.Append("\r\n"u8);
        output.Write(field.Written);
    }

    /// <summary>A PTR record may hold any octets at all.</summary>
    private static bool IsHostName(string? name) => name is { Length: > 0 and <= Domain.MaximumLength } && !name.AsSpan().ContainsAnyExcept(HostName);
}
