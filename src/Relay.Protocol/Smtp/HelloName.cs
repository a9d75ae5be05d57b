using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// The name that a client gives itself in EHLO or HELO. RFC 5321 §4.1.1.1 asks for a domain or an address literal; real clients also send underscores, bare addresses and
/// machine names, and the name is never trusted, so anything is taken that can stand in a Received field as one word: no white space, nothing that quotes, comments or separates there.
/// </summary>
internal static class HelloName
{
    public const int MaximumLength = 255;

    private static readonly SearchValues<byte> Word = SearchValues.Create("!#$%&'*+-./0123456789=?ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~"u8);

    public static bool IsValid(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name.Length > MaximumLength)
        {
            return false;
        }

        return name[0] == '[' ? AddressLiteral.IsValid(name) : !name.ContainsAnyExcept(Word);
    }
}
