using System.Text;
using Relay.Flow.Policy;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>What DNS says of the domain in a command that waits for it. One session's.</summary>
internal sealed class DomainQuestion(DomainCheck check, CancellationToken stop)
{
    private string _domain = "";
    private Task<DomainVerdict>? _answer;

    /// <summary>The answer; null: it isn't there yet, and the command is to come again after <see cref="WaitAsync"/>. An address literal is nothing that DNS knows of.</summary>
    public DomainVerdict? Ask(ReadOnlySpan<byte> domain)
    {
        Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
        if (domain.IsEmpty || domain[0] == '[' || !Idna.TryToAscii(domain, ascii, out int length))
        {
            return DomainVerdict.Fine;
        }

        if (_answer is null || !Ascii.Equals(ascii[..length], _domain))
        {
            _domain = Encoding.ASCII.GetString(ascii[..length]);
            _answer = check.LookUpAsync(_domain, stop).AsTask();
        }

        if (!_answer.IsCompleted)
        {
            return null;
        }

        Task<DomainVerdict> answer = _answer;
        _answer = null;
        // Cancelled when the relay stops.
        return answer.IsCompletedSuccessfully ? answer.GetAwaiter().GetResult() : DomainVerdict.Fine;
    }

    /// <summary>As long as a look-up may take.</summary>
    public async ValueTask WaitAsync()
    {
        if (_answer is Task answer)
        {
            await answer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
