namespace Relay.EndToEnd.Tests.Harness;

/// <summary>
/// A real mail server that takes mail for its domain, offers STARTTLS, knows every user but "nobody", takes messages up to <see cref="SizeLimit"/>, and appends what it takes to one file. Disposing ends it.
/// </summary>
internal interface INextHop : IAsyncDisposable
{
    /// <summary>Octets; what the servers of the tests are configured with.</summary>
    const int SizeLimit = 1024 * 1024;

    string Address { get; }

    int Port { get; }

    string Domain { get; }

    /// <summary>The STARTTLS that it offers leads to TLS.</summary>
    bool HasTls => true;

    /// <summary>All that was delivered, as it stands in the file.</summary>
    string Mailbox { get; }

    string Log { get; }
}
