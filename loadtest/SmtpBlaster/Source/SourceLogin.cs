using System.Text;
using Relay.Protocol.Sasl;

namespace SmtpBlaster.Source;

/// <summary>AUTH as the client (RFC 4954), for one session at a time: <see cref="Begin"/>, then an answer to each challenge.</summary>
internal sealed class SourceLogin(SourceOptions options)
{
    private ScramClient? _scram;
    private int _challenges;

    /// <summary>Whether a 235 is in order now: with SCRAM only when the server has proved that it knows the password.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>The command with its line end.</summary>
    public byte[] Begin()
    {
        _challenges = 0;
        IsComplete = options.Mechanism != SaslMechanisms.ScramSha256;
        switch (options.Mechanism)
        {
            case SaslMechanisms.Plain:
                return Line("AUTH PLAIN " + Convert.ToBase64String(PlainMessage.Of(options.User, options.Password)));
            case SaslMechanisms.Login:
                return Line("AUTH LOGIN");
            default:
                _scram = new ScramClient(options.User, options.Password, ScramClient.NewNonce());
                return Line("AUTH SCRAM-SHA-256 " + Convert.ToBase64String(_scram.First()));
        }
    }

    /// <summary>What answers a challenge; null when the challenge is not one that can be.</summary>
    public byte[]? Respond(ReadOnlySpan<byte> challenge)
    {
        _challenges++;
        if (options.Mechanism == SaslMechanisms.Login)
        {
            // Name, then password, whatever the words of the questions.
            return _challenges > 2 ? null : Line(Convert.ToBase64String(Encoding.UTF8.GetBytes(_challenges == 1 ? options.User : options.Password)));
        }

        byte[] octets = new byte[challenge.Length];
        if (_scram is null || !Convert.TryFromBase64String(Encoding.ASCII.GetString(challenge), octets, out int length))
        {
            return null;
        }

        if (_challenges == 1)
        {
            return _scram.TryFinal(octets.AsSpan(0, length), out byte[] final) ? Line(Convert.ToBase64String(final)) : null;
        }

        IsComplete = _challenges == 2 && _scram.IsProof(octets.AsSpan(0, length));
        return IsComplete ? Line("") : null;
    }

    private static byte[] Line(string text) => Encoding.ASCII.GetBytes(text + "\r\n");
}
