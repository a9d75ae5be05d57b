using Relay.Fuzz.Oracles;
using Relay.Tls;

namespace Relay.Fuzz.Targets;

/// <summary>The alternative names in a certificate that a client has shown: who he could be.</summary>
internal sealed class AlternativeNamesTarget : IFuzzTarget
{
    public static string Name => "altnames";

    public static IReadOnlyList<string> Tokens =>
        ["\u0030\u0010", "\u0030\u0080", "\u0030\u0081\u0080", "\u0030\u0082\u0001\u0000", "\u0081\u0003a@b", "\u0082\u0003A.b", "\u0081\u0000", "\u0082\u0001\u0080", "\u0087\u0004\u007F\u0000\u0000\u0001", "\u00A0\u0003\u0006\u0001\u0001", "\u00A1\u0002\u0016\u0000", "\u00A4\u0000", "\u009F\u001F\u0000", "\u009F\u0081\u0000\u0000", "\u001F", "\u0000", "\u0000\u0000", "\u00FF"];

    public static int Fuzz(ReadOnlySpan<byte> input)
    {
        List<string>? oracle = SlowAlternativeNames.Read(Octets.Text(input));
        (IReadOnlyList<string> mailboxes, IReadOnlyList<string> hosts) = ClientCertificate.ReadNames(input.ToArray());
        Check.Equal(Of(oracle, "mail:"), string.Join('|', mailboxes), "mailboxes");
        Check.Equal(Of(oracle, "dns:"), string.Join('|', hosts), "hosts");
        return HashCode.Combine(oracle is null, Math.Min(mailboxes.Count, 4), Math.Min(hosts.Count, 4));
    }

    private static string Of(List<string>? names, string kind) => string.Join('|', names?.Where(n => n.StartsWith(kind, StringComparison.Ordinal)).Select(n => n[kind.Length..]) ?? []);
}
