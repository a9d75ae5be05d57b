namespace Relay.Flow.Abuse;

/// <summary>How <see cref="Offence"/>s are called in files, metrics and answers.</summary>
internal static class OffenceWord
{
    public static string Of(Offence offence) => offence switch
    {
        Offence.Login => "logins",
        Offence.Recipient => "recipients",
        Offence.Command => "commands",
        Offence.Connection => "connections",
        _ => "none",
    };

    public static bool TryParse(string word, out Offence offence)
    {
        offence = Enum.GetValues<Offence>().FirstOrDefault(o => Of(o) == word);
        return offence != Offence.None;
    }
}
