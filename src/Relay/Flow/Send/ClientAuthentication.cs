using System.Text;
using Relay.Protocol.Sasl;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Send;

/// <summary>
/// Logs in at a server that asks for it (RFC 4954), by the strongest mechanism that it offers and we know. The password goes out inside TLS only, or on this machine, or where TLS is switched off for the
/// hop by name. Stateless; any thread.
/// </summary>
internal static class ClientAuthentication
{
    private const int Challenge334 = 334;
    private const int Succeeded235 = 235;

    /// <summary>Null: we are logged in, or have no credentials for this server.</summary>
    public static async ValueTask<AttemptFailure?> RunAsync(OutboundConnection connection, TimeSpan timeout)
    {
        if (connection.Key.Credentials is not { } credentials)
        {
            return null;
        }

        if (connection.Hop.Tls is null && !connection.Key.IsLocal && connection.Key.Tls.Level != OutboundTls.None)
        {
            return AttemptFailure.PasswordInClear();
        }

        SaslMechanisms offered = connection.Extensions.Mechanisms;
        AttemptFailure? failure = offered.HasFlag(SaslMechanisms.ScramSha256) ? await ScramAsync(connection, credentials, timeout).ConfigureAwait(false)
            : offered.HasFlag(SaslMechanisms.Plain) ? await PlainAsync(connection, credentials, timeout).ConfigureAwait(false)
            : offered.HasFlag(SaslMechanisms.Login) ? await LoginAsync(connection, credentials, timeout).ConfigureAwait(false)
            : AttemptFailure.NotAuthenticated("the server offers no way to log in that we know");
        connection.IsAuthenticated = failure is null;
        return failure;
    }

    private static async ValueTask<AttemptFailure?> PlainAsync(OutboundConnection connection, HopCredentials credentials, TimeSpan timeout)
    {
        CommandWriter.Auth(connection.Output, "PLAIN"u8, PlainMessage.Of(credentials.User, credentials.Password));
        return Judge(await ExchangeAsync(connection, timeout).ConfigureAwait(false), Succeeded235);
    }

    private static async ValueTask<AttemptFailure?> LoginAsync(OutboundConnection connection, HopCredentials credentials, TimeSpan timeout)
    {
        // The questions are "Username:" and "Password:", in whatever words.
        CommandWriter.Auth(connection.Output, "LOGIN"u8, null);
        if (Judge(await ExchangeAsync(connection, timeout).ConfigureAwait(false), Challenge334) is { } noQuestion)
        {
            return noQuestion;
        }

        CommandWriter.AuthResponse(connection.Output, Encoding.UTF8.GetBytes(credentials.User));
        if (Judge(await ExchangeAsync(connection, timeout).ConfigureAwait(false), Challenge334) is { } unknown)
        {
            return unknown;
        }

        CommandWriter.AuthResponse(connection.Output, Encoding.UTF8.GetBytes(credentials.Password));
        return Judge(await ExchangeAsync(connection, timeout).ConfigureAwait(false), Succeeded235);
    }

    private static async ValueTask<AttemptFailure?> ScramAsync(OutboundConnection connection, HopCredentials credentials, TimeSpan timeout)
    {
        var scram = new ScramClient(credentials.User, credentials.Password, ScramClient.NewNonce());
        CommandWriter.Auth(connection.Output, "SCRAM-SHA-256"u8, scram.First());
        ReplyRead first = await ExchangeAsync(connection, timeout).ConfigureAwait(false);
        if (Judge(first, Challenge334) is { } refusal)
        {
            return refusal;
        }

        if (!TryDecode(first.Reply, out byte[] challenge) || !scram.TryFinal(challenge, out byte[] final))
        {
            CommandWriter.AuthCancel(connection.Output);
            await ExchangeAsync(connection, timeout).ConfigureAwait(false);
            return AttemptFailure.NotAuthenticated("the server's part of SCRAM-SHA-256 is malformed");
        }

        CommandWriter.AuthResponse(connection.Output, final);
        ReplyRead last = await ExchangeAsync(connection, timeout).ConfigureAwait(false);
        // RFC 4954 §4: the server's proof comes as one more challenge, and is answered with nothing. A 235 at once proves nothing.
        if (last is { Failure: null, Reply.Code: Succeeded235 } || (last.Reply.Code == Challenge334 && !(TryDecode(last.Reply, out byte[] proof) && scram.IsProof(proof))))
        {
            connection.Break();
            return AttemptFailure.NotAuthenticated("the server didn't prove that it knows our password: it may be an impostor");
        }

        if (Judge(last, Challenge334) is { } wrong)
        {
            return wrong;
        }

        CommandWriter.AuthResponse(connection.Output, []);
        return Judge(await ExchangeAsync(connection, timeout).ConfigureAwait(false), Succeeded235);
    }

    private static bool TryDecode(in PeerReply reply, out byte[] octets)
    {
        octets = new byte[reply.Text.Length];
        bool valid = Convert.TryFromBase64String(reply.Text, octets, out int length);
        octets = octets[..length];
        return valid;
    }

    private static AttemptFailure? Judge(in ReplyRead read, int expected) =>
        read.Failure is { } lost ? AttemptFailure.Lost(FailureScope.Host, lost, "the reply to AUTH")
        : read.Reply.Code == expected ? null
        : AttemptFailure.NotAuthenticated($"the server didn't let us log in: {read.Reply}");

    private static async ValueTask<ReplyRead> ExchangeAsync(OutboundConnection connection, TimeSpan timeout)
    {
        string? unsent = await connection.FlushAsync(timeout).ConfigureAwait(false);
        return unsent is null ? await connection.ReadReplyAsync(timeout).ConfigureAwait(false) : new ReplyRead(default, unsent);
    }
}
