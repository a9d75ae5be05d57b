using System.CommandLine;
using System.Globalization;
using Relay.Daemon.Configuration;
using Relay.Dkim;
using static Relay.Daemon.CommandResult;

namespace Relay.Daemon;

/// <summary>`relay dkim …`: keys for signing. Exit status: 0 fine, 1 what was given is wrong, 2 could not run.</summary>
internal static class DkimCommands
{
    /// <summary>A string in a TXT record holds no more (RFC 1035 §3.3.14).</summary>
    private const int TxtString = 255;

    public static Command Create(TimeProvider time)
    {
        var domain = new Argument<string>("DOMAIN") { Description = "The domain that signs." };
        var selector = new Option<string?>("--selector") { Description = "The key's name below _domainkey; without it, one of this month, like r202611.", HelpName = "NAME" };
        var type = new Option<string>("--type") { Description = "rsa, which everybody verifies, or ed25519, which is smaller and not known everywhere.", DefaultValueFactory = static _ => "rsa" };
        type.AcceptOnlyFromAmong("rsa", "ed25519");
        var bits = new Option<int>("--bits") { Description = "The length of an RSA key, 1024 to 4096.", DefaultValueFactory = static _ => 2048 };
        var key = new Option<string?>("--key") { Description = "The file for the private key, which must not exist; without it DOMAIN.SELECTOR.pem here.", HelpName = "FILE" };
        var keygen = new Command("keygen", "Makes a key: writes the private one to a file with mode 0600, and prints the DNS record of the public one and the lines for the configuration.") { domain, selector, type, bits, key };
        keygen.SetAction(parsed => KeyGen(parsed.GetValue(domain)!, parsed.GetValue(selector), parsed.GetValue(type)!, parsed.GetValue(bits), parsed.GetValue(key), time.GetUtcNow()));
        return new Command("dkim", "Keys with which mail is signed.") { keygen };
    }

    private static int KeyGen(string domainText, string? selectorText, string type, int bits, string? file, DateTimeOffset now)
    {
        selectorText ??= now.ToString("'r'yyyyMM", CultureInfo.InvariantCulture);
        if ((DomainText.Parse(domainText, true, out string domain) ?? DomainText.ParseSelector(selectorText, out selectorText)) is { } error)
        {
            return Fail(Wrong, error);
        }

        if (bits is < DkimKeyFile.ShortestRsa or > DkimKeyFile.LongestRsa || bits % 64 != 0)
        {
            return Fail(Wrong, string.Create(CultureInfo.InvariantCulture, $"an RSA key of {bits} bits is of no use: from {DkimKeyFile.ShortestRsa} to {DkimKeyFile.LongestRsa}, 2048 is best"));
        }

        string ascii = DkimDraft.ToAscii(domain);
        string pem = type == "rsa" ? DkimKeyFile.NewRsa(bits) : DkimKeyFile.NewEd25519();
        string path = Path.GetFullPath(file ?? $"{ascii}.{selectorText}.pem");
        if (DkimKeyFile.TryParse(pem, out DkimPrivateKey? key) is { } wrong)
        {
            throw new InvalidOperationException($"the new key {wrong}");
        }

        try
        {
            PrivateFile.Create(path, pem);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(CouldNotRun, e.Message);
        }

        Console.Out.Write($"""
            ; private key: {path}
            {selectorText}._domainkey.{ascii}. IN TXT {Strings(key!.DnsRecord)}

            # once that is published, in relay.toml:
            [[dkim]]
            domain = {TomlText.Quote(domain)}
            selector = {TomlText.Quote(selectorText)}
            key = {TomlText.Quote(path)}

            """);
        return Fine;
    }

    private static string Strings(string record)
    {
        string[] pieces = [.. record.Chunk(TxtString).Select(static c => $"\"{new string(c)}\"")];
        return pieces.Length == 1 ? pieces[0] : $"( {string.Join(' ', pieces)} )";
    }
}
