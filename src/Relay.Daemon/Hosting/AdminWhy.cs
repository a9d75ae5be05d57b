using Relay.Flow;

namespace Relay.Daemon.Hosting;

/// <summary>A destination and the site that its mail goes to.</summary>
internal sealed record AdminWhy(DestinationStatus Destination, SiteStatus? Site);
