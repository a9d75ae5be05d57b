using System.Net;
using Relay.Flow.Milter;
using Relay.Protocol.Smtp;

namespace Relay.Flow.Accept;

/// <summary>
/// What a session asks its milters, between the command that makes it wait and their answer: <c>Ask…</c> puts the question down while the command's line is there, <see cref="AskAsync"/> asks it. There is none where no milter is configured.
/// The session's loop is its one user.
/// </summary>
internal sealed class MilterQuestions(SessionMilters milters, SessionClient client, SmtpChannel channel)
{
    /// <summary>Nothing waits for the client's name but this, and not long.</summary>
    private static readonly TimeSpan NameLimit = TimeSpan.FromSeconds(2);

    public SessionMilters Milters => milters;

    /// <summary>The command that was asked about.</summary>
    public Verb Asked { get; private set; }

    /// <summary>What it is answered whatever the milters say; null: that is theirs to say.</summary>
    public Reply? Own { get; private set; }

    /// <summary>The path of the command, for the log.</summary>
    public string Path { get; private set; } = "";

    /// <summary>The mechanism by which the client logged in last.</summary>
    public string? AuthType { get; set; }

    public FollowUp AskHello(Verb verb)
    {
        Put(verb, null);
        milters.PrepareHello();
        return FollowUp.Milters;
    }

    public FollowUp AskMail(in Command command)
    {
        Put(Verb.Mail, null);
        milters.PrepareMail(command.Path, Parameters(command));
        return FollowUp.Milters;
    }

    /// <summary><paramref name="own"/>: our own refusal, of which a milter may want to hear.</summary>
    public FollowUp AskRcpt(in Command command, Reply? own)
    {
        Put(Verb.Rcpt, own);
        Path = Telemetry.LogText.Clean(command.Path);
        milters.PrepareRcpt(command.Path, Parameters(command), own);
        return FollowUp.Milters;
    }

    /// <summary>DATA, or the first BDAT, which a milter knows as DATA.</summary>
    public FollowUp AskData(Verb verb, FollowUp then)
    {
        Put(verb, null);
        milters.PrepareData();
        return then;
    }

    public FollowUp AskUnknown(ReadOnlySpan<byte> line, Reply own)
    {
        Put(Verb.Unknown, own);
        milters.PrepareUnknown(line);
        return FollowUp.Milters;
    }

    /// <summary>The session begins. Null, or why the client is turned away.</summary>
    public async ValueTask<Reply?> ConnectAsync(bool again)
    {
        await client.NameWithinAsync(NameLimit).ConfigureAwait(false);
        Describe();
        return again ? await milters.RestartAsync().ConfigureAwait(false) : await milters.ConnectAsync().ConfigureAwait(false);
    }

    /// <summary>Null, or the refusal.</summary>
    public ValueTask<Reply?> AskAsync()
    {
        channel.Deadline.Clear();
        Describe();
        return milters.AskAsync();
    }

    private void Put(Verb verb, Reply? own)
    {
        Asked = verb;
        Own = own;
        milters.Info.Hello = client.HelloText;
    }

    private void Describe()
    {
        MilterClientInfo info = milters.Info;
        info.Client = client.EndPoint;
        info.ClientName = client.Name ?? (IPAddress.IsLoopback(client.EndPoint.Address) ? "localhost" : null);
        info.IsTrusted = client.IsTrusted;
        info.Hello = client.HelloText;
        info.Login = client.Login;
        info.AuthType = client.Login is null ? null : AuthType;
        (info.TlsVersion, info.Cipher) = channel.TlsNames is { } tls ? (tls.Version, tls.Cipher) : (null, null);
    }

    /// <summary>What stands behind the path.</summary>
    private static ReadOnlySpan<byte> Parameters(in Command command)
    {
        ReadOnlySpan<byte> argument = command.Argument;
        int at = !command.Path.IsEmpty && argument.Overlaps(command.Path, out int offset) ? offset + command.Path.Length : argument.IndexOf((byte)'>');
        return argument[(at + 1)..];
    }
}
