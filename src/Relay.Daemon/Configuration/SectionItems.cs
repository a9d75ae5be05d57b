namespace Relay.Daemon.Configuration;

/// <summary>The entries of a section that may stand there many times: how many a draft has, how one becomes the current one, how a new one is added and made current.</summary>
internal sealed record SectionItems(Func<ConfigDraft, int> Count, Action<ConfigDraft, int> Select, Action<ConfigDraft> Add);
