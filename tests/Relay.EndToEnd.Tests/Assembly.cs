using System.Runtime.Versioning;
using Relay.EndToEnd.Tests.Harness;

[assembly: SupportedOSPlatform("linux")]
[assembly: TestCollectionOrderer(typeof(LongestFirst))]
