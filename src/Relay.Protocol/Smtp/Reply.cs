using System.Globalization;
using System.Text;

namespace Relay.Protocol.Smtp;

/// <summary>
/// A reply this relay sends that never changes: formatted once, sent as bytes (RFC 5321 §4.2).
/// Immutable and shared between threads. A text of several lines (split at '\n') makes a multi-line reply with the same code on each line.
/// </summary>
public sealed class Reply
{
    /// <summary>RFC 5321 §4.5.3.1.5: a reply line is at most 512 octets with its CRLF.</summary>
    public const int MaximumLineLength = 512;

    private readonly byte[] _wire;

    public Reply(ReplyCode code, string text)
        : this(code, default, text)
    {
    }

    public Reply(ReplyCode code, EnhancedStatusCode enhanced, string text)
    {
        Code = code;
        Enhanced = enhanced;
        Text = text;
        _wire = Format(code, enhanced, text);
    }

    public ReplyCode Code { get; }

    public EnhancedStatusCode Enhanced { get; }

    /// <summary>Without codes; lines are separated by '\n'.</summary>
    public string Text { get; }

    /// <summary>The whole reply as it goes out, with CRLF.</summary>
    public ReadOnlySpan<byte> Wire => _wire;

    /// <summary>True for 4yz and 5yz.</summary>
    public bool IsRefusal => (int)Code >= 400;

    /// <summary>Short form for fixed tables: <c>Reply.Of(ReplyCode.Completed250, 2, 1, 0, "sender ok")</c>.</summary>
    public static Reply Of(ReplyCode code, byte @class, ushort subject, ushort detail, string text) =>
        new(code, new EnhancedStatusCode(@class, subject, detail), text);

    public override string ToString() => Enhanced.IsPresent
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)Code} {Enhanced} {Text}")
        : string.Create(CultureInfo.InvariantCulture, $"{(int)Code} {Text}");

    private static byte[] Format(ReplyCode code, EnhancedStatusCode enhanced, string text)
    {
        string[] lines = text.Split('\n');
        var wire = new StringBuilder();
        for (int i = 0; i < lines.Length; i++)
        {
            int start = wire.Length;
            wire.Append(CultureInfo.InvariantCulture, $"{(int)code}{(i == lines.Length - 1 ? ' ' : '-')}");
            if (enhanced.IsPresent)
            {
                wire.Append(CultureInfo.InvariantCulture, $"{enhanced} ");
            }

            foreach (char c in lines[i])
            {
                // What we say is text on one line, whatever a configuration or a library put into it.
                wire.Append(c is >= ' ' and <= '~' ? c : '?');
            }

            wire.Length = Math.Min(wire.Length, start + MaximumLineLength - 2);
            wire.Append("\r\n");
        }

        return Encoding.ASCII.GetBytes(wire.ToString());
    }
}
