namespace Relay.EndToEnd.Tests.Harness;

/// <summary>Values from 0 up in classes that are 2 % wide: any number of them in a few KiB.</summary>
internal sealed class LogHistogram
{
    private const double PerFactorE = 50;

    private readonly long[] _counts = new long[(int)(PerFactorE * 45)];

    public long Count { get; private set; }

    public long Most { get; private set; }

    public void Add(long value)
    {
        Count++;
        Most = Math.Max(Most, value);
        _counts[(int)(Math.Log(1 + Math.Max(0, value)) * PerFactorE)]++;
    }

    /// <summary>The value below which this share of all is, from 0 to 1; 0 when there are none.</summary>
    public double At(double share)
    {
        long below = 0;
        for (int i = 0; i < _counts.Length; i++)
        {
            below += _counts[i];
            if (below > 0 && below >= share * Count)
            {
                return Math.Exp(i / PerFactorE) - 1;
            }
        }

        return 0;
    }
}
