namespace Relay.Flow;

/// <summary>Patterns of names as the configuration has them: a name, "*.name" for everything below it, or "*". Pure; any thread.</summary>
public static class DomainPattern
{
    /// <summary>Whether a name is meant, in any case.</summary>
    public static bool Matches(string pattern, string name) => pattern == "*"
        || (pattern.StartsWith("*.", StringComparison.Ordinal) ? name.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase) : name.Equals(pattern, StringComparison.OrdinalIgnoreCase));
}
