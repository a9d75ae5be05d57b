using System.Buffers.Binary;

namespace Relay.Protocol.Smtp;

/// <summary>Finds the verb of a command line by loading its letters as one word and clearing the bit that makes them lower case: no string, no culture (RFC 5321 §2.4).</summary>
internal static class VerbReader
{
    private const uint UpperCase = 0xDFDFDFDF;

    // Little-endian words of upper-case letters.
    private const uint Ehlo = 'E' | 'H' << 8 | 'L' << 16 | 'O' << 24;
    private const uint Helo = 'H' | 'E' << 8 | 'L' << 16 | 'O' << 24;
    private const uint Mail = 'M' | 'A' << 8 | 'I' << 16 | 'L' << 24;
    private const uint Rcpt = 'R' | 'C' << 8 | 'P' << 16 | 'T' << 24;
    private const uint Data = 'D' | 'A' << 8 | 'T' << 16 | 'A' << 24;
    private const uint Bdat = 'B' | 'D' << 8 | 'A' << 16 | 'T' << 24;
    private const uint Rset = 'R' | 'S' << 8 | 'E' << 16 | 'T' << 24;
    private const uint Noop = 'N' | 'O' << 8 | 'O' << 16 | 'P' << 24;
    private const uint Vrfy = 'V' | 'R' << 8 | 'F' << 16 | 'Y' << 24;
    private const uint Expn = 'E' | 'X' << 8 | 'P' << 16 | 'N' << 24;
    private const uint Help = 'H' | 'E' << 8 | 'L' << 16 | 'P' << 24;
    private const uint Quit = 'Q' | 'U' << 8 | 'I' << 16 | 'T' << 24;
    private const uint Auth = 'A' | 'U' << 8 | 'T' << 16 | 'H' << 24;
    private const uint Turn = 'T' | 'U' << 8 | 'R' << 16 | 'N' << 24;
    private const uint Etrn = 'E' | 'T' << 8 | 'R' << 16 | 'N' << 24;
    private const uint Star = 'S' | 'T' << 8 | 'A' << 16 | 'R' << 24;
    private const uint Ttls = 'T' | 'T' << 8 | 'L' << 16 | 'S' << 24;
    private const uint Xcli = 'X' | 'C' << 8 | 'L' << 16 | 'I' << 24;
    private const uint Ient = 'I' | 'E' << 8 | 'N' << 16 | 'T' << 24;

    /// <summary>The verb at the start of <paramref name="line"/>; <paramref name="length"/> is what it took. The verb is followed by a space or nothing, or it is unknown.
    /// But BDAT is one also before a TAB: were it unknown, the octets of a chunk that a client means by it would be read as commands.</summary>
    public static Verb Read(ReadOnlySpan<byte> line, out int length)
    {
        length = 0;
        if (line.Length < 4)
        {
            return Verb.Unknown;
        }

        uint word = BinaryPrimitives.ReadUInt32LittleEndian(line) & UpperCase;
        if (line.Length == 4 || line[4] == ' ' || (word == Bdat && line[4] == '\t'))
        {
            length = 4;
            Verb verb = word switch
            {
                Ehlo => Verb.Ehlo,
                Helo => Verb.Helo,
                Mail => Verb.Mail,
                Rcpt => Verb.Rcpt,
                Data => Verb.Data,
                Bdat => Verb.Bdat,
                Rset => Verb.Rset,
                Noop => Verb.Noop,
                Vrfy => Verb.Vrfy,
                Expn => Verb.Expn,
                Help => Verb.Help,
                Quit => Verb.Quit,
                Auth => Verb.Auth,
                Turn => Verb.Turn,
                Etrn => Verb.Etrn,
                _ => Verb.Unknown,
            };
            if (verb != Verb.Unknown)
            {
                return verb;
            }
        }
        else if (word == Star && line.Length >= 8 && (BinaryPrimitives.ReadUInt32LittleEndian(line[4..]) & UpperCase) == Ttls && (line.Length == 8 || line[8] == ' '))
        {
            length = 8;
            return Verb.StartTls;
        }
        else if (word == Xcli && line.Length >= 7 && (BinaryPrimitives.ReadUInt32LittleEndian(line[3..]) & UpperCase) == Ient && (line.Length == 7 || line[7] == ' '))
        {
            length = 7;
            return Verb.XClient;
        }

        return IsHttp(line) ? Verb.Http : Verb.Unknown;
    }

    // RFC 9110 §9: methods are upper case, and one space follows.
    private static bool IsHttp(ReadOnlySpan<byte> line) =>
        line.StartsWith("GET "u8) || line.StartsWith("POST "u8) || line.StartsWith("CONNECT "u8) ||
        line.StartsWith("HEAD "u8) || line.StartsWith("PUT "u8) || line.StartsWith("OPTIONS "u8);
}
