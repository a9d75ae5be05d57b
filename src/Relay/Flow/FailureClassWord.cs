namespace Relay.Flow;

/// <summary>The words for <see cref="FailureClass"/> in rules, logs, metrics and the texts of reports.</summary>
internal static class FailureClassWord
{
    private static readonly string[] Words =
    [
        "other", "bad_mailbox", "bad_domain", "mailbox_full", "inactive_mailbox", "policy", "reputation", "authentication", "rate", "greylisted", "content", "too_large", "tls", "network", "dns", "not_supported",
        "protocol", "server", "local",
    ];

    public static IReadOnlyList<string> All => Words;

    public static string Of(FailureClass @class) => Words[(int)@class];

    public static bool TryParse(string word, out FailureClass @class)
    {
        int index = Array.IndexOf(Words, word);
        @class = index < 0 ? FailureClass.Other : (FailureClass)index;
        return index >= 0;
    }
}
