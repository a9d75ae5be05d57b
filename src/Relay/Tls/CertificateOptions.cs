namespace Relay.Tls;

/// <summary>The files of the server's certificate, PEM. <see cref="CertificatePath"/> may hold the chain, leaf first.</summary>
public sealed record CertificateOptions(string CertificatePath, string KeyPath);
