using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>A command line by RFC 5321 §2.3.8, an octet at a time: only CRLF ends it, the limit counts the CRLF.</summary>
internal readonly record struct SlowLine(LineStatus Status, string Text)
{
    public static SlowLine Read(string input, int limit)
    {
        for (int i = 0; ; i++)
        {
            if (i == limit)
            {
                return new SlowLine(LineStatus.TooLong, "");
            }

            if (i == input.Length)
            {
                return new SlowLine(LineStatus.NeedMoreData, "");
            }

            if (input[i] == '\n')
            {
                return new SlowLine(LineStatus.BareLineEnding, "");
            }

            if (input[i] != '\r')
            {
                continue;
            }

            if (i + 1 == limit)
            {
                return new SlowLine(LineStatus.TooLong, "");
            }

            if (i + 1 == input.Length)
            {
                return new SlowLine(LineStatus.NeedMoreData, "");
            }

            return input[i + 1] == '\n' ? new SlowLine(LineStatus.Line, input[..i]) : new SlowLine(LineStatus.BareLineEnding, "");
        }
    }
}
