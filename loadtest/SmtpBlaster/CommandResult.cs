namespace SmtpBlaster;

/// <summary>What commands end with: an exit status, and one clear line on standard error when it isn't <see cref="Fine"/>.</summary>
internal static class CommandResult
{
    public const int Fine = 0;

    /// <summary>What was given or found is wrong: an option, or a ledger with something lost or altered.</summary>
    public const int Wrong = 1;

    public const int CouldNotRun = 2;

    /// <summary>Says what is wrong and gives the status back.</summary>
    public static int Fail(int status, string what)
    {
        Console.Error.WriteLine($"smtp-blaster: {what.ReplaceLineEndings(" ")}");
        return status;
    }
}
