using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>The names of the parameters, and which extension brings each. Stateless; any thread.</summary>
internal static class ParameterName
{
    /// <summary>The parameter of that name in any case, or <see cref="Parameter.None"/> when there is none or its extension isn't offered: to us it is unknown then.</summary>
    public static Parameter Find(ReadOnlySpan<byte> keyword, Extensions offered) => keyword.Length switch
    {
        2 => If(keyword, "BY"u8, Parameter.DeliverBy, offered, Extensions.DeliverBy),
        3 => If(keyword, "RET"u8, Parameter.Return, offered, Extensions.Dsn),
        4 => If(keyword, "SIZE"u8, Parameter.Size, offered, Extensions.Size)
            | If(keyword, "BODY"u8, Parameter.Body, offered, Extensions.EightBitMime | Extensions.BinaryMime)
            | If(keyword, "AUTH"u8, Parameter.Submitter, offered, Extensions.Auth),
        5 => If(keyword, "ENVID"u8, Parameter.EnvelopeId, offered, Extensions.Dsn) | If(keyword, "ORCPT"u8, Parameter.OriginalRecipient, offered, Extensions.Dsn),
        6 => If(keyword, "NOTIFY"u8, Parameter.Notify, offered, Extensions.Dsn),
        7 => If(keyword, "HOLDFOR"u8, Parameter.HoldFor, offered, Extensions.FutureRelease),
        8 => If(keyword, "SMTPUTF8"u8, Parameter.SmtpUtf8, offered, Extensions.SmtpUtf8),
        9 => If(keyword, "HOLDUNTIL"u8, Parameter.HoldUntil, offered, Extensions.FutureRelease),
        10 => If(keyword, "REQUIRETLS"u8, Parameter.RequireTls, offered, Extensions.RequireTls),
        11 => If(keyword, "MT-PRIORITY"u8, Parameter.Priority, offered, Extensions.MtPriority),
        _ => Parameter.None,
    };

    private static Parameter If(ReadOnlySpan<byte> keyword, ReadOnlySpan<byte> name, Parameter parameter, Extensions offered, Extensions needed) =>
        (offered & needed) != 0 && Ascii.EqualsIgnoreCase(keyword, name) ? parameter : Parameter.None;
}
