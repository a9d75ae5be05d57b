using System.Net;
using Relay.Flow;
using Relay.Flow.Route;
using Relay.Tests.Dns;

namespace Relay.Tests.Flow.Route;

/// <summary>An MxResolver over scripted DNS: we are relay.example, listening on 192.0.2.250:25 unless a test says otherwise.</summary>
internal sealed class RouteScript
{
    public ScriptedResolver Dns { get; } = new();

    public DeliveryOptions Options { get; init; } = new();

    public IReadOnlyList<IPEndPoint> Listeners { get; init; } = [IPEndPoint.Parse("192.0.2.250:25")];

    public Func<IPAddress, bool> IsLocal { get; init; } = IPAddress.IsLoopback;

    public int Seed { get; init; } = 1;

    public Task<RoutePlan> ByMxAsync(string domain) => UntilAsync(domain, TestContext.Current.CancellationToken);

    public async Task<RoutePlan> UntilAsync(string domain, CancellationToken cancel) => Checked(await Resolver().ByMxAsync(domain, cancel));

    public async Task<RoutePlan> ByNextHopAsync(string host, int port = 25) =>
        Checked(await Resolver().ByNextHopAsync(new NextHop(NextHopScheme.Smtp, host, port), default));

    /// <summary>"host address:port" of each target, or "failure 5.1.2".</summary>
    public async Task<string[]> TriedForAsync(string domain) => Text(await ByMxAsync(domain));

    public static string[] Text(RoutePlan plan) => plan.Failure is { } failure
        ? [$"failure {failure.Status}"]
        : [.. plan.Targets.Select(target => $"{target.Host} {target.EndPoint}")];

    private MxResolver Resolver() => new(Dns, "Relay.example", Listeners, Options, new Random(Seed), IsLocal);

    private static RoutePlan Checked(RoutePlan plan)
    {
        Assert.True(plan.Failure is null ? plan.Targets.Count is > 0 and <= MxResolver.MaximumTargets : plan.Targets.Count == 0);
        if (plan.Failure is { } failure)
        {
            Assert.Equal(failure.IsPermanent ? 5 : 4, failure.Status.Class);
            Assert.All(failure.Reason, c => Assert.InRange(c, ' ', '~'));
        }

        return plan;
    }
}
