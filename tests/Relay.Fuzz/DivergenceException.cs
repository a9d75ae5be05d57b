namespace Relay.Fuzz;

/// <summary>Parser and oracle disagree.</summary>
internal sealed class DivergenceException(string message) : Exception(message);
