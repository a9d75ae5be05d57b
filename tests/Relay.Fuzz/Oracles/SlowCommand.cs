using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Relay.Protocol.Smtp;

namespace Relay.Fuzz.Oracles;

/// <summary>RFC 5321 §4.1.1 over strings: what a command line is, or the code of its refusal (0 when there is none).</summary>
internal sealed record SlowCommand(Verb Verb, int Code, string Path = "", string Domain = "", bool Utf8 = false, SlowParameters? Parameters = null)
{
    private const string PathForm = @"(?: *)<(?<path>(?:[^"">]|""(?:[ !#-\[\]-~\x80-\xFF]|\\[ -~])*"")*)>(?: (?<parameters>.*))?\z";

    private static readonly Dictionary<string, Verb> Verbs = Enum.GetValues<Verb>().Where(static v => v is not (Verb.Unknown or Verb.Http)).ToDictionary(static v => v.ToString().ToUpperInvariant());
    private static readonly Regex From = new(@"\AFROM:" + PathForm, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline);
    private static readonly Regex To = new(@"\ATO:" + PathForm, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline);

    public static SlowCommand Read(string line, Extensions offered)
    {
        line = line.TrimEnd(' ', '\t');
        string word = line.Split(' ')[0];
        if (Regex.IsMatch(word, @"\ABDAT\t", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant))
        {
            return new SlowCommand(Verb.Bdat, 501);
        }

        if (!word.All(char.IsAscii) || !Verbs.TryGetValue(word.ToUpperInvariant(), out Verb verb))
        {
            return new SlowCommand(Regex.IsMatch(line, @"\A(?:GET|POST|CONNECT|HEAD|PUT|OPTIONS) ") ? Verb.Http : Verb.Unknown, 500);
        }

        if (line.Any(static c => c is < ' ' or '\x7F'))
        {
            return new SlowCommand(verb, 501);
        }

        string argument = line[word.Length..].TrimStart(' ');
        return verb switch
        {
            Verb.Ehlo or Verb.Helo => new SlowCommand(verb, Grammar.IsHelloName(argument) ? 0 : 501),
            Verb.Mail or Verb.Rcpt => WithPath(verb, argument, offered),
            Verb.Data or Verb.Rset or Verb.Quit or Verb.StartTls => new SlowCommand(verb, argument.Length == 0 ? 0 : 501),
            Verb.Bdat => new SlowCommand(verb, Regex.Match(argument, @"\A(?<size>[0-9]+)(?: +LAST)?\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant) is { Success: true } chunk
                && BigInteger.Parse(chunk.Groups["size"].Value, CultureInfo.InvariantCulture) <= long.MaxValue ? 0 : 501),
            Verb.Auth => new SlowCommand(verb, Regex.IsMatch(argument, @"\A[A-Za-z0-9_-]{1,20}(?: +[^ ]+)?\z") ? 0 : 501),
            Verb.Vrfy or Verb.Expn or Verb.XClient => new SlowCommand(verb, argument.Length == 0 ? 501 : 0),
            _ => new SlowCommand(verb, 0),
        };
    }

    private static SlowCommand WithPath(Verb verb, string argument, Extensions offered)
    {
        Match match = (verb == Verb.Mail ? From : To).Match(argument);
        if (!match.Success)
        {
            return new SlowCommand(verb, 501);
        }

        string path = match.Groups["path"].Value;
        bool utf8 = !path.All(char.IsAscii);
        if (utf8 && !offered.HasFlag(Extensions.SmtpUtf8))
        {
            return new SlowCommand(verb, 553);
        }

        string? domain = "";
        if (path.Length > 0 || verb == Verb.Rcpt)
        {
            domain = verb == Verb.Rcpt && path.Equals("postmaster", StringComparison.OrdinalIgnoreCase) ? "" : DomainOf(ref path, utf8);
        }

        if (domain is null)
        {
            return new SlowCommand(verb, 501);
        }

        SlowParameters parameters = SlowParameters.Read(match.Groups["parameters"].Value, verb == Verb.Mail, offered);
        int code = parameters.Code != 0 ? parameters.Code : utf8 && verb == Verb.Mail && !parameters.Given.ContainsKey("SMTPUTF8") ? 553 : 0;
        return new SlowCommand(verb, code, path, domain, utf8, parameters);
    }

    /// <summary>Takes the source route off a path (RFC 5321 §4.1.1.3) and gives the domain of its mailbox, or null.</summary>
    private static string? DomainOf(ref string path, bool utf8)
    {
        if (path.Length > 254)
        {
            return null;
        }

        if (path.StartsWith('@'))
        {
            int colon = path.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || !path[..colon].Split(',').All(hop => hop.StartsWith('@') && Grammar.IsDomain(hop[1..], utf8)))
            {
                return null;
            }

            path = path[(colon + 1)..];
        }

        return Grammar.DomainOfMailbox(path, utf8);
    }
}
