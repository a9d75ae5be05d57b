using System.Runtime.Versioning;
using Xunit.Sdk;
using Xunit.v3;

// Each test starts a relay, its peers and its clients as processes of their own; one at a time keeps figures and deadlines meaningful on a small machine.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: SupportedOSPlatform("linux")]
