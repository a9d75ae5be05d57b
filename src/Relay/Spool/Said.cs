using Relay.Protocol.Message;

namespace Relay.Spool;

/// <summary>What the log says of the messages of one segment.</summary>
internal sealed class Said
{
    private readonly HashSet<QueueId> _gone = [];
    private readonly Dictionary<QueueId, List<RecipientUpdate>> _states = [];

    internal void Add(Statement statement)
    {
        if (statement.States is null)
        {
            _gone.Add(statement.Id);
            return;
        }

        if (!_states.TryGetValue(statement.Id, out List<RecipientUpdate>? states))
        {
            _states.Add(statement.Id, states = []);
        }

        states.AddRange(statement.States);
    }

    /// <summary>Applies it; true when nothing is left of the message.</summary>
    internal bool Ends(SpooledMessage message)
    {
        if (_states.TryGetValue(message.Id, out List<RecipientUpdate>? states))
        {
            message.Apply(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(states));
        }

        return message.Unsettled == 0 || _gone.Contains(message.Id);
    }
}
