using Relay.Protocol.Smtp;

namespace Relay.Flow.Queue;

/// <summary>Tells replies that mean "too much of you" from those about one message: 421, or a temporary one that speaks of rates or numbers, in the words that large providers use.</summary>
internal static class Pushback
{
    private static readonly string[] Words = ["too many", "rate", "throttl", "too fast", "too much mail", "slow down", "concurren"];

    public static bool IsOne(in PeerReply reply)
    {
        if (reply.Code is < 400 or >= 500)
        {
            return false;
        }

        if (reply.Code == 421)
        {
            return true;
        }

        // Too many recipients (RFC 5321 §4.5.3.1.10) is about this transaction.
        if (reply.Code == 452 || reply.Text is not { } text)
        {
            return false;
        }

        foreach (string word in Words)
        {
            int at = text.IndexOf(word, StringComparison.OrdinalIgnoreCase);
            // "temporarily", "migrated": only where a word begins.
            if (at == 0 || (at > 0 && !char.IsLetter(text[at - 1])))
            {
                return true;
            }
        }

        return false;
    }
}
