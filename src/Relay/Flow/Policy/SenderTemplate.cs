namespace Relay.Flow.Policy;

/// <summary>Addresses that every user may send from whose source doesn't say any: a <see cref="SenderPattern"/>, or <c>{user}@domain</c>, in which the user's name takes the place of the word. Immutable; any thread.</summary>
public sealed class SenderTemplate
{
    private const string Word = "{user}";

    private readonly SenderPattern? _pattern;

    private SenderTemplate(string text, SenderPattern? pattern)
    {
        Text = text;
        _pattern = pattern;
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>Null when it isn't one.</summary>
    public static SenderTemplate? Parse(string text)
    {
        bool named = text.StartsWith(Word + "@", StringComparison.Ordinal);
        SenderPattern? pattern = SenderPattern.Parse(named ? string.Concat("user", text.AsSpan(Word.Length)) : text);
        return pattern is null ? null : new SenderTemplate(text, named ? null : pattern);
    }

    /// <summary>For one user; null when no address comes of his name.</summary>
    public SenderPattern? For(string user) => _pattern ?? Literal(user + Text[Word.Length..]);

    /// <summary>The one address; null when the text is none. A name with an asterisk would be a pattern.</summary>
    public static SenderPattern? Literal(string address) => address.Contains('*', StringComparison.Ordinal) ? null : SenderPattern.Parse(address);
}
