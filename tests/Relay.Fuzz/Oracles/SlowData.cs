using System.Text.RegularExpressions;

namespace Relay.Fuzz.Oracles;

/// <summary>RFC 5321 §4.5.2 as regular expressions over the whole text: where the data ends, what is stored of it, what is to be noted about it.</summary>
internal sealed record SlowData(bool Done, int Consumed, string Stored, bool Bare, bool LeadingDot, bool EightBit)
{
    public static SlowData Decode(string wire)
    {
        Match end = Regex.Match(wire, @"(?<=\A|\r\n)\.\r\n");
        string text = end.Success ? wire[..end.Index] : wire;
        if (!end.Success)
        {
            // A dot, or a dot and a CR, at the start of the last line may still become the end.
            text = Regex.Replace(text, @"(?<=\A|\r\n)\.\r?\z", "");
        }

        // A CR at the very end of what has come may still get its LF.
        bool bare = Regex.IsMatch(text, @"\r(?!\n|\z)|(?<!\r)\n");
        string stored = Regex.Replace(text, @"(?<=\A|\r\n)\.", "");
        return new SlowData(end.Success, end.Success ? end.Index + end.Length : wire.Length, stored, bare, Regex.IsMatch(text, @"(?<=\A|\r\n)\.\."), text.Any(static c => c > 127));
    }
}
