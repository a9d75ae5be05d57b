using Relay.Fuzz.Targets;

namespace Relay.Fuzz;

/// <summary>A target as a value, and the list of all.</summary>
internal sealed record FuzzTarget(string Name, IReadOnlyList<byte[]> Tokens, FuzzTarget.Run Fuzz)
{
    public delegate int Run(ReadOnlySpan<byte> input);

    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        Of<LineTarget>(), Of<CommandTarget>(), Of<OutboundTarget>(), Of<MailboxTarget>(), Of<ParameterTarget>(), Of<XTextTarget>(), Of<DataTarget>(), Of<ChunkTarget>(),
        Of<ReplyTarget>(), Of<ProxyTarget>(), Of<XClientTarget>(), Of<SaslTarget>(), Of<ScramTarget>(), Of<DovecotTarget>(), Of<MilterTarget>(), Of<AlternativeNamesTarget>(), Of<EnvelopeTarget>(), Of<SessionTarget>(), Of<ModelTarget>(),
        Of<BlasterReplyTarget>(), Of<BlasterSinkTarget>(), Of<BlasterContentTarget>(), Of<BlasterFileTarget>(), Of<BlasterOptionTarget>(),
    ];

    private static FuzzTarget Of<T>()
        where T : IFuzzTarget => new(T.Name, [.. T.Tokens.Select(Octets.Of)], T.Fuzz);
}
