using System.Text;
using Relay.Protocol.Dkim;

namespace Relay.Dkim;

/// <summary>A key with the names under which it signs. Immutable; any thread.</summary>
internal sealed class DkimKey(DkimKeyOptions options, DkimPrivateKey key)
{
    public byte[] Domain { get; } = Encoding.ASCII.GetBytes(options.Domain);

    public byte[] Selector { get; } = Encoding.ASCII.GetBytes(options.Selector);

    public DkimCanonicalization HeaderForm => options.HeaderForm;

    public DkimCanonicalization BodyForm => options.BodyForm;

    public DkimPrivateKey Key => key;
}
