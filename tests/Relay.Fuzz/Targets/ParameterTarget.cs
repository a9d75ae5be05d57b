using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>What follows the path of MAIL and of RCPT, with every extension offered and with one.</summary>
internal sealed class ParameterTarget : IFuzzTarget
{
    private const Extensions Everything = (Extensions)uint.MaxValue;

    public static string Name => "parameters";

    public static IReadOnlyList<string> Tokens =>
    [
        " ", "=", " SIZE=", "0", "99999999999999999999", "9223372036854775807", "9223372036854775808", " BODY=", "7BIT", "8BITMIME", "BINARYMIME", " SMTPUTF8", " RET=", "FULL", "HDRS", " ENVID=", "+2B", "+", " NOTIFY=",
        "NEVER", "SUCCESS", "FAILURE", "DELAY", ",", " ORCPT=", "rfc822;", "utf-8;", "\\x{", "}", " AUTH=", "<>", " BY=", "-", ";", "R", "N", "T", " HOLDFOR=", " HOLDUNTIL=", "2026-11-25T01:02:03Z",
        " MT-PRIORITY=", " REQUIRETLS", " XYZZY=1",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input) => HashCode.Combine(
        CommandTarget.Compare([.. "MAIL FROM:<a@b.example>"u8, .. input], Everything),
        CommandTarget.Compare([.. "RCPT TO:<a@b.example>"u8, .. input], Everything),
        CommandTarget.Compare([.. "MAIL FROM:<a@b.example>"u8, .. input], Extensions.Size));
}
