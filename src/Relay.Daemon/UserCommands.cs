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
        var noPassword = new Option<bool>("--no-password") { Description = "The user has no password, and logs in by a certificate alone." };
        var change = new UserChange();
        Command add = change.AddTo(new Command("add", "Adds a user. The password comes from the terminal, or is one line of standard input.") { name, users, noPassword });
        add.SetAction(parsed => Add(parsed.GetValue(users)!, parsed.GetValue(name)!, parsed.GetValue(noPassword), user => Changed(change, parsed, user)));
        Command set = change.AddTo(new Command("change", "Changes what a user may. What no option says stays; an empty one ('') takes it out of the file, so that what holds for all holds again.") { name, users });
        set.SetAction(parsed => Change(parsed.GetValue(users)!, parsed.GetValue(name)!, user => Changed(change, parsed, user)));
        var passwd = new Command("passwd", "Gives a user another password, which comes as for `add`.") { name, users };
        passwd.SetAction(parsed => ChangePassword(parsed.GetValue(users)!, parsed.GetValue(name)!));
        var remove = new Command("remove", "Removes a user.") { name, users };
        remove.SetAction(parsed => Remove(parsed.GetValue(users)!, parsed.GetValue(name)!));
        var list = new Command("list", "A line for each user: the name, and behind tabs the addresses from which the user may send, and what else the file says of him.") { users };
        list.SetAction(parsed => List(parsed.GetValue(users)!));
        return new Command("user", "Those who may log in. A running relay reads the file at SIGHUP.") { add, set, remove, list, passwd };
    }

    private static int Add(string file, string name, bool noPassword, Func<Account, Account?> change)
    {
        if (!PreparedText.IsName(Encoding.UTF8.GetBytes(name)))
        {
            return Fail(Wrong, "that is no name: it has 1 to 255 octets, no white space, no control characters and no combining marks");
        }

        if (change(new Account(name, null, [])) is not { } user)
        {
            return Wrong;
        }

        return Edit(file, true, list =>
        {
            if (list.Users.Exists(u => u.Name == name))
            {
                return Fail(Wrong, $"{file} has a user {name} already: `relay user passwd` changes the password, and `relay user change` what else it says of him");
            }

            int status = Check(list, user, mayLackPassword: !noPassword);
            if (status != Fine)
            {
                return status;
            }

            if (noPassword)
            {
                list.Users.Add(user);
                return Fine;
            }

            return WithPassword(verifier => list.Users.Add(user.With(verifier)));
        });
    }

    private static int Change(string file, string name, Func<Account, Account?> change) => Edit(file, false, list =>
    {
        int at = Find(list, file, name);
        if (at < 0 || change(list.Users[at]) is not { } user)
        {
            return Wrong;
        }

        int status = Check(list, user, mayLackPassword: false);
        if (status == Fine)
        {
            list.Users[at] = user;
        }

        return status;
    });

    private static Account? Changed(UserChange change, ParseResult parsed, Account user)
    {
        Account? changed = change.Apply(parsed, user, out string? error);
        if (error is not null)
        {
            Fail(Wrong, error);
        }

        return changed;
    }

    /// <summary>Whether the file may say so of a user beside the others.</summary>
    private static int Check(UserList list, Account user, bool mayLackPassword)
    {
        if (!mayLackPassword && user.Verifier is null && user.Certificates.Count == 0)
        {
            return Fail(Wrong, $"{user.Name} couldn't log in: a user has a password, a certificate, or both");
        }

        foreach (Account other in list.Users)
        {
            if (other.Name != user.Name && other.Certificates.Intersect(user.Certificates).FirstOrDefault() is { } taken)
            {
                return Fail(Wrong, $"{taken} is a certificate of {other.Name}: it can log in one");
            }
        }

        return Fine;
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
            string more = string.Join(' ', UserList.More(user).Select(static m => $"{m.Key}={m.Value}"));
            Console.Out.WriteLine($"{user.Name}\t{string.Join(' ', user.Senders.Select(static s => s.Text))}{(more.Length == 0 ? "" : "\t")}{more}");
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
