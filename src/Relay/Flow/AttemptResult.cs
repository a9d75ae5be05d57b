namespace Relay.Flow;

/// <summary>
/// What one attempt came to: an outcome for each recipient of the <see cref="QueuedMessage"/>, in its order. A worker owns one and uses it again for each message.
/// </summary>
internal sealed class AttemptResult
{
    private RecipientOutcome[] _outcomes = new RecipientOutcome[1];

    /// <summary>As many as the message has recipients.</summary>
    public Span<RecipientOutcome> Outcomes => _outcomes.AsSpan(0, Count);

    public int Count { get; private set; }

    /// <summary>Some recipient has no outcome yet.</summary>
    public bool HasOpen
    {
        get
        {
            foreach (ref RecipientOutcome own in Outcomes)
            {
                if (own.Kind == OutcomeKind.None)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Some recipient has an outcome.</summary>
    public bool HasFinal
    {
        get
        {
            foreach (ref RecipientOutcome own in Outcomes)
            {
                if (own.Kind != OutcomeKind.None)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Null when no server was reached.</summary>
    public HopInfo? Hop { get; set; }

    public DateTimeOffset Started { get; private set; }

    public void Begin(int recipients, DateTimeOffset started)
    {
        if (_outcomes.Length < recipients)
        {
            _outcomes = new RecipientOutcome[recipients];
        }

        Count = recipients;
        Started = started;
        Hop = null;
        Outcomes.Clear();
    }

    /// <summary>Gives this outcome to every recipient that has none yet.</summary>
    public void SetRest(in RecipientOutcome outcome)
    {
        foreach (ref RecipientOutcome own in Outcomes)
        {
            if (own.Kind == OutcomeKind.None)
            {
                own = outcome;
            }
        }
    }

    /// <summary>The attempt doesn't count: only what is final stays.</summary>
    public void Forget()
    {
        foreach (ref RecipientOutcome own in Outcomes)
        {
            if (own.Kind == OutcomeKind.Deferred)
            {
                own = default;
            }
        }
    }
}
