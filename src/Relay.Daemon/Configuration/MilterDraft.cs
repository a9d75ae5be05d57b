using System.Net;
using Relay.Flow.Accept;
using Relay.Flow.Milter;

namespace Relay.Daemon.Configuration;

/// <summary>A [[milter]] in the making.</summary>
internal sealed class MilterDraft
{
    private static readonly MilterOptions Blank = new() { Name = "", Address = new IPEndPoint(IPAddress.None, 0) };

    public MilterDraft()
    {
    }

    public MilterDraft(MilterOptions options)
    {
        Name = options.Name;
        Address = options.Address;
        Options = options;
    }

    public string? Name { get; set; }

    public EndPoint? Address { get; set; }

    /// <summary>All of it but name and address.</summary>
    public MilterOptions Options { get; set; } = Blank;

    public IReadOnlyList<ListenerRole> Roles
    {
        get => [.. Options.ForRelay ? [ListenerRole.Relay] : Array.Empty<ListenerRole>(), .. Options.ForSubmission ? [ListenerRole.Submission] : Array.Empty<ListenerRole>()];
        set => Options = Options with { ForRelay = value.Contains(ListenerRole.Relay), ForSubmission = value.Contains(ListenerRole.Submission) };
    }

    public MilterOptions Build() => Options with { Name = Name!, Address = Address! };
}
