using System.Globalization;
using Relay.Fuzz.Oracles;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Targets;

/// <summary>Command lines, as a client might send them to a listener that offers nothing and to one that offers everything.</summary>
internal sealed class CommandTarget : IFuzzTarget
{
    private const Extensions Everything = (Extensions)uint.MaxValue;

    public static string Name => "command";

    public static IReadOnlyList<string> Tokens =>
    [
        "EHLO ", "HELO ", "MAIL FROM:", "RCPT TO:", "DATA", "BDAT ", "RSET", "NOOP", "VRFY ", "EXPN ", "HELP", "QUIT", "STARTTLS", "AUTH ", "TURN", "ETRN ", "XCLIENT ", "GET / HTTP/1.1", "LAST",
        "<a@b.example>", "<>", "<", ">", "@a,@b:", "\"", "\\\"", "@", " SIZE=1", " BODY=8BITMIME", " SMTPUTF8", " ", "\t", "postmaster", "[127.0.0.1]", "\u00C3\u00BC", "=", "PLAIN",
    ];

    public static int Fuzz(ReadOnlySpan<byte> input) => HashCode.Combine(Compare(input, Extensions.None), Compare(input, Everything & ~Extensions.SmtpUtf8), Compare(input, Everything));

    /// <summary>Compares one line; gives the kind of outcome.</summary>
    public static int Compare(ReadOnlySpan<byte> input, Extensions offered)
    {
        string line = Octets.Text(input);
        SlowCommand oracle = SlowCommand.Read(line, offered);
        Reply? refusal = CommandParser.Parse(input, offered, out Command command);
        int code = (int)(refusal?.Code ?? 0);
        Check.Equal(oracle.Verb, command.Verb, "verb");
        // The oracle doesn't know which labels IDNA refuses.
        bool idna = line.Contains("xn--", StringComparison.OrdinalIgnoreCase) || !line.All(char.IsAscii);
        if (!(idna && code == 501))
        {
            Check.Equal(oracle.Code, code, "code");
        }

        if (code == 0)
        {
            CompareParts(oracle, line, command);
        }

        return HashCode.Combine((int)command.Verb, refusal?.Text, oracle.Parameters?.Given.Count, oracle.Domain.Length == 0, oracle.Path.Contains('"', StringComparison.Ordinal));
    }

    private static void CompareParts(SlowCommand oracle, string line, in Command command)
    {
        if (command.Verb is Verb.Mail or Verb.Rcpt)
        {
            Check.Equal(oracle.Path, Octets.Text(command.Path), "path");
            Check.Equal(oracle.Domain, Octets.Text(command.Domain), "domain");
        }

        string[] words = line.TrimEnd(' ', '\t').Split(' ', StringSplitOptions.RemoveEmptyEntries);
        switch (command.Verb)
        {
            case Verb.Mail:
                ComparisonOfParameters.Compare(oracle.Parameters!, command.Mail);
                break;
            case Verb.Rcpt:
                ComparisonOfParameters.Compare(oracle.Parameters!, command.Rcpt);
                bool utf8 = oracle.Utf8 || !oracle.Parameters!.Given.GetValueOrDefault("ORCPT", "").All(char.IsAscii);
                Check.Equal(utf8, command.NeedsSmtpUtf8, "whether SMTPUTF8 is needed");
                break;
            case Verb.Bdat:
                Check.Equal(new Chunk(long.Parse(words[1], CultureInfo.InvariantCulture), words.Length > 2), command.Chunk, "chunk");
                break;
            case Verb.Auth:
                Check.Equal(words[1], Octets.Text(command.Mechanism), "mechanism");
                Check.Equal(words.Length > 2, command.HasInitialResponse, "whether there is a response");
                Check.Equal(words.Length > 2 && words[2] != "=" ? words[2] : "", Octets.Text(command.InitialResponse), "initial response");
                break;
        }
    }
}
