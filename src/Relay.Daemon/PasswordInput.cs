using System.Security.Cryptography;
using System.Text;

namespace Relay.Daemon;

/// <summary>A password from whoever runs the command: typed without being shown, or one line of standard input. Never from the arguments, which every process on the machine can read.</summary>
internal static class PasswordInput
{
    private const int MaximumLength = 4096;

    /// <summary>The password's UTF-8, which the caller overwrites; null when there is none, or it was typed in two ways.</summary>
    public static byte[]? Read()
    {
        if (Console.IsInputRedirected)
        {
            return ReadLine(Console.OpenStandardInput());
        }

        byte[] first = Type("Password: ");
        byte[] second = Type("Again: ");
        bool same = CryptographicOperations.FixedTimeEquals(first, second);
        CryptographicOperations.ZeroMemory(second);
        if (same && first.Length > 0)
        {
            return first;
        }

        CryptographicOperations.ZeroMemory(first);
        return null;
    }

    private static byte[]? ReadLine(Stream input)
    {
        byte[] line = new byte[MaximumLength];
        int length = 0;
        while (length < line.Length && input.Read(line, length, 1) == 1 && line[length] != '\n')
        {
            length++;
        }

        length -= length > 0 && line[length - 1] == '\r' ? 1 : 0;
        byte[]? password = length is 0 or MaximumLength ? null : line[..length];
        CryptographicOperations.ZeroMemory(line);
        return password;
    }

    private static byte[] Type(string prompt)
    {
        Console.Error.Write(prompt);
        char[] typed = new char[MaximumLength / 4];
        int length = 0;
        for (ConsoleKeyInfo key = Console.ReadKey(intercept: true); key.Key != ConsoleKey.Enter; key = Console.ReadKey(intercept: true))
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                length = Math.Max(0, length - 1);
            }
            else if (length < typed.Length)
            {
                typed[length++] = key.KeyChar;
            }
        }

        Console.Error.WriteLine();
        byte[] password = Encoding.UTF8.GetBytes(typed, 0, length);
        Array.Clear(typed);
        return password;
    }
}
