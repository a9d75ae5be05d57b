namespace Relay.Fuzz;

/// <summary>One parser (or the session as a whole) beside the oracle that it must agree with. The type has no state that one input could leave to the next.</summary>
internal interface IFuzzTarget
{
    /// <summary>The name on the command line and of the folder of seeds in tests/corpus.</summary>
    static abstract string Name { get; }

    /// <summary>Words that inputs are made of, besides what the seeds have.</summary>
    static abstract IReadOnlyList<string> Tokens { get; }

    /// <summary>
    /// Gives one input to parser and oracle and compares. Any exception is a finding. What it returns says what kind of outcome there was: an input with an outcome
    /// that was never seen is kept, for others to be made from.
    /// </summary>
    static abstract int Fuzz(ReadOnlySpan<byte> input);
}
