namespace Relay.Flow.Queue;

/// <summary>Tells the route that the configuration makes for a domain (lower case), or null when it goes by MX. Given to the queue by whoever knows the routes.</summary>
internal delegate RouteOptions? DestinationOf(ReadOnlySpan<char> domain);
