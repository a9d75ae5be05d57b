namespace Relay.Fuzz;

/// <summary>Makes a failing input smaller while it still fails in the same way: leaves out ever smaller pieces, then makes plain letters of what is left.</summary>
internal static class Minimiser
{
    public static byte[] Shrink(byte[] input, Func<byte[], bool> fails)
    {
        for (int size = Math.Max(1, input.Length / 2); size > 0; size /= 2)
        {
            for (int at = 0; at + size <= input.Length;)
            {
                byte[] shorter = [.. input[..at], .. input[(at + size)..]];
                if (fails(shorter))
                {
                    input = shorter;
                }
                else
                {
                    at += size;
                }
            }
        }

        for (int at = 0; at < input.Length; at++)
        {
            byte[] plainer = [.. input];
            plainer[at] = (byte)'a';
            if (input[at] != 'a' && fails(plainer))
            {
                input = plainer;
            }
        }

        return input;
    }
}
