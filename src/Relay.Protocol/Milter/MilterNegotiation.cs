using System.Buffers.Binary;
using System.Text;

namespace Relay.Protocol.Milter;

/// <summary>What MTA and milter agree on before anything else (SMFIC_OPTNEG). Immutable.</summary>
public readonly record struct MilterNegotiation(uint Version, MilterActions Actions, MilterSteps Steps)
{
    /// <summary>The version that we speak.</summary>
    public const uint OurVersion = 6;

    /// <summary>The first version there was in the wild.</summary>
    public const uint FirstVersion = 2;

    private const int FixedLength = 12;
    private const int Stages = 7;

    /// <summary>What we offer: everything that we know.</summary>
    public static MilterNegotiation Offer => new(OurVersion, MilterActions.All, MilterSteps.All);

    /// <summary>The macros that the milter wants, by <see cref="MilterStage"/>; null where it leaves that to us, or altogether.</summary>
    public IReadOnlyList<string>?[]? Macros { get; init; }

    /// <summary>Reads the milter's answer. Null, or what is wrong with it.</summary>
    public static string? TryRead(ReadOnlySpan<byte> data, out MilterNegotiation agreed)
    {
        agreed = default;
        if (data.Length < FixedLength)
        {
            return "its negotiation is too short";
        }

        uint version = BinaryPrimitives.ReadUInt32BigEndian(data);
        var actions = (MilterActions)BinaryPrimitives.ReadUInt32BigEndian(data[4..]);
        var steps = (MilterSteps)BinaryPrimitives.ReadUInt32BigEndian(data[8..]);
        if (version is < FirstVersion or > OurVersion)
        {
            return "it speaks a version of the protocol that isn't known";
        }

        if ((actions & ~MilterActions.All) != 0 || (steps & ~MilterSteps.All) != 0)
        {
            return "it wants what wasn't offered";
        }

        // Older milters don't know these commands.
        steps |= version < 3 ? MilterSteps.NoUnknown : 0;
        steps |= version < 4 ? MilterSteps.NoData : 0;
        if (!TryReadMacros(data[FixedLength..], out IReadOnlyList<string>?[]? macros))
        {
            return "its list of macros is malformed";
        }

        agreed = new MilterNegotiation(version, actions, steps) { Macros = macros };
        return null;
    }

    /// <summary>Whether the milter wants to hear of this stage.</summary>
    public bool Wants(MilterStage stage) => (Steps & MilterGrammar.Step(stage)) == 0;

    /// <summary>Whether it answers there.</summary>
    public bool Answers(MilterStage stage) => (Steps & MilterGrammar.Silence(stage)) == 0;

    private static bool TryReadMacros(ReadOnlySpan<byte> data, out IReadOnlyList<string>?[]? macros)
    {
        macros = null;
        while (!data.IsEmpty)
        {
            int end = data.Length < 4 ? -1 : data[4..].IndexOf((byte)0);
            uint stage = end < 0 ? Stages : BinaryPrimitives.ReadUInt32BigEndian(data);
            if (stage >= Stages)
            {
                return false;
            }

            macros ??= new IReadOnlyList<string>?[Stages];
            macros[stage] = Encoding.ASCII.GetString(data.Slice(4, end)).Split([' ', ',', '\t'], StringSplitOptions.RemoveEmptyEntries);
            data = data[(4 + end + 1)..];
        }

        return true;
    }
}
