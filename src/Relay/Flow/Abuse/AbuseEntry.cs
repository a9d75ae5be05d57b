using System.Runtime.CompilerServices;

namespace Relay.Flow.Abuse;

/// <summary>What is known of one <see cref="ClientKey"/>. Times are UTC ticks, 0 for never; whoever has the set's lock reads and writes it.</summary>
internal struct AbuseEntry
{
    public ClientKey Key;

    /// <summary>As of when the levels are right.</summary>
    public long Updated;

    /// <summary>Of the last ban, or the present one.</summary>
    public long BannedSince;

    public long BannedUntil;

    /// <summary>No password is looked at before.</summary>
    public long NextTry;

    /// <summary>What the last wrong name and password were, as a keyed digest: the same again is no further guess.</summary>
    public ulong LastTry;

    public Levels Counted;

    /// <summary>What led to the ban: so many.</summary>
    public int Count;

    /// <summary>Passwords that are being looked at.</summary>
    public ushort InFlight;

    /// <summary>Bans so far, of which each is twice as long as the one before.</summary>
    public byte Bans;

    public Offence Why;

    /// <summary>By offence, less what has drained away since.</summary>
    [InlineArray(4)]
    public struct Levels
    {
        private float _first;
    }
}
