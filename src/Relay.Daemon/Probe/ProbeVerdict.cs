using System.Text.Json.Serialization;

namespace Relay.Daemon.Probe;

/// <summary>What an answer means. Only <see cref="Relayed"/> and <see cref="Finding"/> are held against the server.</summary>
internal enum ProbeVerdict
{
    /// <summary>A mailbox elsewhere was taken (2yz).</summary>
    [JsonStringEnumMemberName("relayed")]
    Relayed,

    /// <summary>5yz, or the connection was closed.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,

    /// <summary>4yz. Some servers never say more than that to what they won't relay; some, that grey-list, mean it.</summary>
    [JsonStringEnumMemberName("put off")]
    PutOff,

    /// <summary>The answer doesn't tell: there was none in time, or the server takes any local part there, whatever it means.</summary>
    [JsonStringEnumMemberName("unclear")]
    Unclear,

    [JsonStringEnumMemberName("not tried")]
    NotTried,

    [JsonStringEnumMemberName("fine")]
    Fine,

    /// <summary>Worth knowing, and no hole.</summary>
    [JsonStringEnumMemberName("note")]
    Note,

    /// <summary>A hole.</summary>
    [JsonStringEnumMemberName("finding")]
    Finding,
}
