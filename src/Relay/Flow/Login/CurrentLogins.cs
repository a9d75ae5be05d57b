namespace Relay.Flow.Login;

/// <summary>The source that counts now: a reload swaps it, also for sessions under way. Any thread.</summary>
internal sealed class CurrentLogins
{
    private volatile ILoginSource? _source;

    /// <summary>Null: nobody can log in.</summary>
    public ILoginSource? Source
    {
        get => _source;
        set => _source = value;
    }
}
