namespace Relay.Flow;

/// <summary>Sources among which connections are shared out by weight, at least one. Immutable, any thread; equal by value.</summary>
public sealed class EgressPool : IEquatable<EgressPool>
{
    private readonly EgressShare[] _shares;
    private readonly int _total;

    public EgressPool(string name, IEnumerable<EgressShare> shares)
    {
        Name = name;
        _shares = [.. shares];
        ArgumentOutOfRangeException.ThrowIfZero(_shares.Length, nameof(shares));
        _total = _shares.Sum(static s => s.Weight);
    }

    public string Name { get; }

    public IReadOnlyList<EgressShare> Shares => _shares;

    /// <summary>A source, each as often as its weight says. One number of <paramref name="random"/>, so the same seed gives the same choices.</summary>
    public EgressSource Pick(Random random)
    {
        int place = random.Next(_total);
        int at = 0;
        while (place >= _shares[at].Weight)
        {
            place -= _shares[at++].Weight;
        }

        return _shares[at].Source;
    }

    public bool Equals(EgressPool? other) => other is not null && Name == other.Name && _shares.AsSpan().SequenceEqual(other._shares);

    public override bool Equals(object? obj) => Equals(obj as EgressPool);

    public override int GetHashCode() => HashCode.Combine(Name, _shares.Length, _shares[0]);

    public override string ToString() => Name;
}
