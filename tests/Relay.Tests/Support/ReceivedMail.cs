using System.Net;

namespace Relay.Tests.Support;

/// <summary>A message as a scripted server took it: unstuffed, with its envelope and the address at which it came.</summary>
internal sealed record ReceivedMail(IPEndPoint Address, string From, IReadOnlyList<string> Recipients, string Body);
