using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using Relay.Daemon.Configuration;
using Relay.Flow.Policy;
using Relay.Protocol.Sasl;
using static Relay.Daemon.CommandResult;

namespace Relay.Daemon;

/// <summary>`relay user …`: edits the users file. Exit status: 0 fine, 1 what was given or found is wrong, 2 could not run.</summary>
internal static class UserCommands
{
    public static Command Create()
    {
        var users = new Option<string>("--users") { Description = "The users file, as `users` in [access] names it; `add` makes it. Its owner alone can read it, so work as the user that the relay runs as.", HelpName = "FILE", Required = true };
        var name = new Argument<string>("NAME") { Description = "The name under which the user logs in." };
        var senders = new Option<string[]>("--sender")
        {
            Description = "An address from which the user may send, *@domain for all of a domain, or *@*.domain for all below it; may stand there many times. Without any, the user may send from none.",
            HelpName = "ADDRESS",
            DefaultValueFactory = static _ => [],
        };
        var add = new Command("add", "Adds a user. The password comes from the terminal, or is one line of standard input.") { name, users, senders };
        add.SetAction(parsed => Add(parsed.GetValue(users)!, parsed.GetValue(name)!, parsed.GetValue(senders)!));
        var passwd = new Command("passwd", "Gives a user another password, which comes as for `add`.") { name, users };
        passwd.SetAction(parsed => ChangePassword(parsed.GetValue(users)!, parsed.GetValue(name)!));
        var remove = new Command("remove", "Removes a user.") { name, users };
        remove.SetAction(parsed => Remove(parsed.GetValue(users)!, parsed.GetValue(name)!));
        var list = new Command("list", "A line for each user: the name, and behind a tab the addresses from which the user may send.") { users };
        list.SetAction(parsed => List(parsed.GetValue(users)!));
        return new Command("user", "Those who may log in. A running relay reads the file at SIGHUP.") { add, remove, list, passwd };
    }

    private static int Add(string file, string name, string[] senderTexts)
    {
        if (!PreparedText.IsName(Encoding.UTF8.GetBytes(name)))
        {
            return Fail(Wrong, "that is no name: it has 1 to 255 octets, no white space, no control characters and no combining marks");
        }

        var senders = new List<SenderPattern>();
        foreach (string text in senderTexts)
        {
            if (SenderPattern.Parse(text) is not { } sender)
            {
                return Fail(Wrong, $"\"{text}\" is not an address, \"*@domain\" or \"*@*.domain\"");
            }

            senders.Add(sender);
        }

        return Edit(file, true, list => list.Users.Exists(u => u.Name == name) ? Fail(Wrong, $"{file} has a user {name} already: `relay user passwd` changes the password")
            : WithPassword(verifier => list.Users.Add(new Account(name, verifier, senders))));
    }

    private static int ChangePassword(string file, string name) =>
        Edit(file, false, list => Find(list, file, name) is var at and >= 0 ? WithPassword(verifier => list.Users[at] = list.Users[at].With(verifier)) : Wrong);

    private static int Remove(string file, string name) => Edit(file, false, list =>
    {
        int at = Find(list, file, name);
        if (at < 0)
        {
            return Wrong;
        }

        list.Users.RemoveAt(at);
        return Fine;
    });

    private static int List(string file)
    {
        int status = Read(file, false, out UserList? list);
        foreach (Account user in list?.Users ?? [])
        {
            Console.Out.WriteLine($"{user.Name}\t{string.Join(' ', user.Senders.Select(static s => s.Text))}");
        }

        return status;
    }

    /// <summary>Reads the file, has it changed, and writes it when that went well.</summary>
    private static int Edit(string file, bool mayBeNew, Func<UserList, int> change)
    {
        int status = Read(file, mayBeNew, out UserList? list);
        status = list is null ? status : change(list);
        if (status != Fine)
        {
            return status;
        }

        try
        {
            PrivateFile.Replace(file, list!.Format());
            return Fine;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(CouldNotRun, e.Message);
        }
    }

    private static int Read(string file, bool mayBeNew, out UserList? list)
    {
        list = null;
        string text;
        try
        {
            text = File.ReadAllText(file);
        }
        catch (FileNotFoundException)
        {
            list = mayBeNew ? UserList.New() : null;
            return mayBeNew ? Fine : Fail(Wrong, $"there is no file {file}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail(CouldNotRun, e.Message);
        }

        var errors = new List<ConfigError>();
        list = UsersFile.Parse(text, file, errors);
        foreach (ConfigError error in errors)
        {
            Console.Error.WriteLine(error);
        }

        return list is null ? Wrong : Fine;
    }

    private static int Find(UserList list, string file, string name)
    {
        int at = list.Users.FindIndex(u => u.Name == name);
        if (at < 0)
        {
            Fail(Wrong, $"{file} has no user {name}");
        }

        return at;
    }

    private static int WithPassword(Action<ScramVerifier> use)
    {
        byte[]? password = PasswordInput.Read();
        if (password is null)
        {
            return Fail(Wrong, "there is no password: type the same twice, or give one line of standard input");
        }

        bool valid = PreparedText.IsPassword(password);
        if (valid)
        {
            use(ScramVerifier.Of(password));
        }

        CryptographicOperations.ZeroMemory(password);
        return valid ? Fine : Fail(Wrong, "that is no password: it has up to 1024 octets of UTF-8, no control characters and no combining marks");
    }
}
