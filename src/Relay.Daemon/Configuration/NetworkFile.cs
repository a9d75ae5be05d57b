using System.Net;
using Relay.Flow.Policy;

namespace Relay.Daemon.Configuration;

/// <summary>Lists of networks in files of their own: one a line, blank lines and what begins with # are skipped.</summary>
internal static class NetworkFile
{
    /// <summary>A file of another kind is wrong in every line; nobody reads them all.</summary>
    private const int MaximumErrors = 20;

    /// <summary>Adds the lists to the draft, or the errors, which name the list's own file and line.</summary>
    public static void Read(ConfigDraft draft, ConfigReader reader, List<ConfigError> errors)
    {
        if (Read(draft.AllowPath, draft.Where("abuse.allow_file"), reader, errors) is { } allowed)
        {
            draft.Abuse = draft.Abuse with { AllowedByFile = allowed };
        }

        if (Read(draft.DenyPath, draft.Where("abuse.deny_file"), reader, errors) is { } denied)
        {
            draft.Abuse = draft.Abuse with { DeniedByFile = denied };
        }
    }

    private static NetworkSet? Read(string? path, Position position, ConfigReader reader, List<ConfigError> errors)
    {
        if (path is null || CertificateFiles.TryRead(path, position, reader) is not { } text)
        {
            return null;
        }

        var networks = new List<IPNetwork>();
        int wrong = 0;
        int number = 0;
        foreach (ReadOnlySpan<char> line in text.AsSpan().EnumerateLines())
        {
            number++;
            int comment = line.IndexOf('#');
            string network = (comment < 0 ? line : line[..comment]).Trim().ToString();
            if (network.Length == 0)
            {
                continue;
            }

            // Such lists name single addresses as they are.
            if (AddressText.TryParse(network, out IPAddress? address) && !address.IsIPv4MappedToIPv6)
            {
                networks.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            }
            else if (AddressText.ParseNetwork(network, out IPNetwork parsed) is not { } error)
            {
                networks.Add(parsed);
            }
            else if (wrong++ < MaximumErrors)
            {
                errors.Add(new ConfigError(path, new Position(number, line.IndexOf(network[0]) + 1), error));
            }
        }

        return new NetworkSet(networks);
    }
}
