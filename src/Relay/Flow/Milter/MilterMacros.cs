using System.Buffers;
using System.Globalization;
using System.Net;
using Relay.Protocol.Milter;

namespace Relay.Flow.Milter;

/// <summary>The macros (values beside the commands) as Postfix sends them: by stage, and of those only what is known. Stateless; any thread.</summary>
internal static class MilterMacros
{
    private static readonly string[] Message = ["i"];

    /// <summary>By <see cref="MilterStage"/>, where the milter leaves it to us.</summary>
    private static readonly string[][] Defaults =
    [
        ["j", "daemon_name", "daemon_addr", "daemon_port", "v", "_", "client_addr", "client_name", "client_port", "client_ptr"],
        ["tls_version", "cipher", "cipher_bits"],
        ["i", "auth_type", "auth_authen", "mail_addr", "mail_host", "mail_mailer"],
        ["i", "rcpt_addr", "rcpt_host", "rcpt_mailer"],
        Message,
        Message,
        Message,
    ];

    /// <summary>The packet for the command that follows; none when nothing is known that belongs there.</summary>
    public static void Write(IBufferWriter<byte> output, MilterStage stage, MilterCommand command, in MilterNegotiation agreed, MilterClientInfo info)
    {
        if ((int)stage >= Defaults.Length)
        {
            return;
        }

        ArrayBufferWriter<byte>? data = null;
        foreach (string wanted in agreed.Macros?[(int)stage] ?? Defaults[(int)stage])
        {
            string name = wanted.StartsWith('{') && wanted.EndsWith('}') ? wanted[1..^1] : wanted;
            if (Value(name, info) is not { Length: > 0 } value || value.Contains('\0', StringComparison.Ordinal))
            {
                continue;
            }

            if (data is null)
            {
                data = new ArrayBufferWriter<byte>(256);
                data.Write([(byte)command]);
            }

            MilterWriter.Text(data, name.Length == 1 ? name : "{" + name + "}");
            MilterWriter.Text(data, value);
        }

        if (data is not null)
        {
            MilterPacket.Write(output, MilterCommand.Macros, data.WrittenSpan);
        }
    }

    private static string? Value(string name, MilterClientInfo info) => name switch
    {
        "j" or "daemon_name" => info.Hostname,
        "daemon_addr" or "if_addr" => IsAny(info.Listener.Address) ? null : info.Listener.Address.ToString(),
        "daemon_port" => info.Listener.Port == 0 ? null : Number(info.Listener.Port),
        "v" => "Relay",
        "_" => $"{info.ClientName ?? "unknown"} [{info.Client.Address}]",
        "client_addr" => info.Client.Address.ToString(),
        "client_name" => info.ClientName ?? "unknown",
        "client_ptr" => info.ClientName,
        "client_port" => Number(info.Client.Port),
        "tls_version" => info.TlsVersion,
        "cipher" => info.Cipher,
        "cipher_bits" => info.Cipher is not { } cipher ? null : cipher.Contains("_128_", StringComparison.Ordinal) ? "128" : "256",
        "i" => info.QueueId,
        "auth_type" => info.AuthType,
        "auth_authen" => info.Login,
        "mail_addr" => info.Sender,
        "mail_host" => DomainOf(info.Sender),
        "mail_mailer" or "rcpt_mailer" when name[0] == 'm' || info.RecipientRefusal is null => "smtp",
        // A recipient that we refused (SMFIP_RCPT_REJ): mailer "error", and code and text in place of host and address.
        "rcpt_mailer" => "error",
        "rcpt_addr" => info.RecipientRefusal is { } refusal ? refusal.Text : info.Recipient,
        "rcpt_host" => info.RecipientRefusal is { } refusal ? refusal.Enhanced.ToString() : DomainOf(info.Recipient),
        _ => null,
    };

    private static string DomainOf(string address) => address.LastIndexOf('@') is var at and >= 0 ? address[(at + 1)..] : "";

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
