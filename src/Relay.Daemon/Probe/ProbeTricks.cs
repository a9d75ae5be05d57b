using static Relay.Daemon.Probe.ProbeTrick;

namespace Relay.Daemon.Probe;

/// <summary>The tricks of thirty years by which servers were made to relay, plainest first.</summary>
internal static class ProbeTricks
{
    private const string NobodyHere = "<{unknown}@{domain}>";
    private const string NobodyAtAddress = "<{unknown}@{ip}>";
    private const string NobodyNowhere = "<{unknown}>";

    public static readonly IReadOnlyList<ProbeTrick> All =
    [
        // How the path is written.
        Path("plain", "<{to}>"),
        Path("no brackets", "{to}"),
        Path("blank before the path", " <{to}>"),
        new("verbs in lower case", "mail from:<{from}>", "rcpt to:<{to}>"),
        Path("upper case", "<{TO}>"),
        Path("two pairs of brackets", "<<{to}>>"),
        Path("bracket never closed", "<{to}"),
        Path("blanks in the brackets", "< {to} >"),
        Path("display name", "Probe <{to}>"),
        Path("trailing dot", "<{to}.>"),
        Path("two trailing dots", "<{to}..>"),

        // Quotes, backslashes and comments.
        Path("quoted local part", "<\"{user}\"@{elsewhere}>"),
        Path("quotes around the address", "<\"{to}\">", NobodyNowhere),
        Path("quotes without brackets", "\"{to}\"", NobodyNowhere),
        Path("quoted address at the domain", "<\"{to}\"@{domain}>", NobodyHere),
        Path("quoted address at the literal", "<\"{to}\"@{ip}>", NobodyAtAddress),
        Path("quoted percent at the domain", "<\"{user}%{elsewhere}\"@{domain}>", NobodyHere),
        Path("backslash before the @", "<{user}\\@{elsewhere}@{domain}>", NobodyHere),
        Path("backslash before the address", "<\\{to}>"),
        Path("comment behind the local part", "<{user}(probe)@{elsewhere}>"),
        Path("comment before the domain", "<{user}@({domain}){elsewhere}>"),
        Path("comment that looks like the domain", "<{to}(@{domain})>"),

        // The address within another one.
        Path("double @", "<{to}@{domain}>", NobodyHere),
        Path("double @ at the literal", "<{to}@{ip}>", NobodyAtAddress),
        Path("double @ with a blank", "<{to} @{domain}>", NobodyHere),
        Path("percent hack", "<{user}%{elsewhere}>", NobodyNowhere),
        Path("percent hack at the domain", "<{user}%{elsewhere}@{domain}>", NobodyHere),
        Path("percent hack at the literal", "<{user}%{elsewhere}@{ip}>", NobodyAtAddress),
        Path("percent hack at the bare address", "<{user}%{elsewhere}@{address}>", "<{unknown}@{address}>"),
        Path("percent hack at [127.0.0.1]", "<{user}%{elsewhere}@[127.0.0.1]>", "<{unknown}@[127.0.0.1]>"),
        Path("percent hack at [IPv6:::1]", "<{user}%{elsewhere}@[IPv6:::1]>", "<{unknown}@[IPv6:::1]>"),
        Path("percent hack at localhost", "<{user}%{elsewhere}@localhost>", "<{unknown}@localhost>"),
        Path("percent hack twice", "<{user}%{elsewhere}%{domain}@{domain}>", NobodyHere),
        Path("bang path", "<{elsewhere}!{user}>", NobodyNowhere),
        Path("bang path at the domain", "<{elsewhere}!{user}@{domain}>", NobodyHere),
        Path("bang path at the literal", "<{elsewhere}!{user}@{ip}>", NobodyAtAddress),
        Path("bang path through the domain", "<{domain}!{elsewhere}!{user}>", NobodyNowhere),
        Path("bang path before the @", "<{domain}!{user}@{elsewhere}>"),
        Path("two mailboxes in a path", "<postmaster@{domain},{to}>"),
        Path("two paths", "<postmaster@{domain}> <{to}>", "<postmaster@{domain}> <{unknown}@{domain}>"),
        Path("domain that begins like ours", "<{user}@{domain}.{elsewhere}>"),

        // Source routes.
        Path("source route", "<@{domain}:{to}>"),
        Path("source route by the literal", "<@{ip}:{to}>"),
        Path("source route by localhost", "<@localhost:{to}>"),
        Path("source route of two hops", "<@{domain},@{elsewhere}:{to}>"),
        Path("source route without brackets", "@{domain}:{to}"),
        Path("source route without a host", "<@:{to}>"),
        Path("source route and percent hack", "<@{domain}:{user}%{elsewhere}@{domain}>", NobodyHere),
        Path("source route of forty hops", "<{route}:{to}>"),

        // Literals elsewhere, and what isn't ASCII, isn't text or is too long.
        Path("literal elsewhere", "<{user}@[192.0.2.1]>"),
        Path("IPv6 literal elsewhere", "<{user}@[IPv6:2001:db8::1]>"),
        Path("address elsewhere without brackets", "<{user}@192.0.2.1>"),
        Path("A-label", "<{user}@xn--bcher-kva.{elsewhere}>"),
        new("U-label", "MAIL FROM:<{from}> SMTPUTF8", "RCPT TO:<{user}@bücher.{elsewhere}>"),
        new("UTF-8 local part", "MAIL FROM:<{from}> SMTPUTF8", "RCPT TO:<prüfer@{elsewhere}>"),
        Path("UTF-8 without SMTPUTF8", "<prüfer@{elsewhere}>"),
        new("full-width @", "MAIL FROM:<{from}> SMTPUTF8", "RCPT TO:<{user}＠{elsewhere}@{domain}>") { Control = "RCPT TO:" + NobodyHere },
        Path("NUL before the domain", "<{to}\0@{domain}>", NobodyHere),
        Path("NUL within the domain", "<{to}\0.{domain}>"),
        Path("overlong local part", "<{user}.{long}@{elsewhere}>"),

        // Parameters.
        Path("NOTIFY and ORCPT", "<{to}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{from}"),
        Path("ORCPT at the domain", "<{to}> ORCPT=rfc822;postmaster@{domain}"),
        Sender("AUTH=<>", "<{from}> AUTH=<>"),
        Sender("AUTH=postmaster", "<{from}> AUTH=postmaster@{domain}"),

        // Senders that look like one of ours.
        Sender("null sender", "<>"),
        Sender("sender at the domain", "<{user}@{domain}>"),
        Sender("sender postmaster of the domain", "<postmaster@{domain}>"),
        Sender("sender at the literal", "<{user}@{ip}>"),
        Sender("sender at localhost", "<{user}@localhost>"),
        Sender("sender at [127.0.0.1]", "<root@[127.0.0.1]>"),
        Sender("sender without a domain", "<{user}>"),
        Sender("sender postmaster", "<postmaster>"),
        Sender("sender is the recipient", "<{to}>"),
        Sender("sender with blanks", "< {from} >"),
        Sender("sender without brackets", "{from}"),
        Sender("sender by a source route", "<@{domain}:{from}>"),
        Sender("no sender", ""),

        // What was said before.
        new("after RSET", Mail, "RCPT TO:<postmaster@{domain}>", "RSET", Mail, Rcpt),
        new("after a refused RCPT", Mail, Rcpt, Rcpt),
        new("after a RCPT of ours", Mail, "RCPT TO:<postmaster@{domain}>", Rcpt),
        new("after VRFY", "VRFY {to}", Mail, Rcpt),
        new("after EXPN", "EXPN postmaster", Mail, Rcpt),
        new("MAIL twice", "MAIL FROM:<postmaster@{domain}>", Mail, Rcpt),
        new("no MAIL", Rcpt),
        Hello("HELO as the domain", "HELO {domain}"),
        Hello("HELO as the literal", "HELO {ip}"),
        Hello("HELO as localhost", "HELO localhost"),
        Hello("HELO as [127.0.0.1]", "HELO [127.0.0.1]"),
        Hello("EHLO as the domain", "EHLO {domain}"),
        Hello("no HELO"),
        new("XCLIENT as 127.0.0.1", "XCLIENT ADDR=127.0.0.1 NAME=localhost", "EHLO localhost", Mail, Rcpt) { IsAlone = true },
        new("XFORWARD as 127.0.0.1", "XFORWARD ADDR=127.0.0.1 NAME=localhost SOURCE=LOCAL", Mail, Rcpt) { IsAlone = true },
        new("PROXY as 127.0.0.1", Mail, Rcpt) { Opening = "PROXY TCP4 127.0.0.1 127.0.0.1 40000 25", IsAlone = true },
    ];
}
