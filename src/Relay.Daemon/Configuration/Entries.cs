namespace Relay.Daemon.Configuration;

/// <summary>The entries of a section that may stand there many times, in the making: keys change the current one.</summary>
internal sealed class Entries<T>
    where T : new()
{
    private readonly List<T> _all = [];
    private int _current = -1;

    public IReadOnlyList<T> All => _all;

    /// <summary>A blank one as long as there is none.</summary>
    public T Current
    {
        get => _current < 0 ? new T() : _all[_current];
        set => _all[_current] = value;
    }

    /// <summary>Adds one and makes it the current one.</summary>
    public void Add()
    {
        _current = _all.Count;
        _all.Add(new T());
    }

    public void AddRange(IEnumerable<T> entries) => _all.AddRange(entries);

    public void Select(int index) => _current = index;
}
