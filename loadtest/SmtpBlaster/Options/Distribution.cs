using System.Globalization;

namespace SmtpBlaster.Options;

/// <summary>
/// Where sizes and numbers of recipients come from: <c>4KiB</c> (always the same), <c>uniform:1KiB,64KiB</c>, <c>list:4KiB*70,64KiB*25,1MiB*5</c> (with weights), or
/// <c>lognormal:MEDIAN,SIGMA[,MOST]</c>. Immutable; what is drawn comes from the caller's random numbers.
/// </summary>
internal sealed class Distribution
{
    private readonly Func<Random, long> _draw;

    private Distribution(string text, long least, long most, Func<Random, long> draw)
    {
        (Text, Least, Most, _draw) = (text, least, most, draw);
    }

    public string Text { get; }

    public long Least { get; }

    public long Most { get; }

    public bool IsFixed => Least == Most;

    public long Draw(Random random) => IsFixed ? Least : _draw(random);

    /// <summary>Null, or what is wrong. What is drawn is kept between the two bounds.</summary>
    public static string? Parse(string text, long least, long most, out Distribution distribution)
    {
        distribution = new Distribution(text, least, least, _ => least);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string kind = colon < 0 ? "fixed" : text[..colon];
        string[] parts = text[(colon + 1)..].Split(',');
        string? wrong = kind switch
        {
            "fixed" => parts.Length == 1 ? Fixed(text, parts[0], out distribution) : Unknown(text),
            "uniform" => parts.Length == 2 ? Uniform(text, parts, out distribution) : "uniform wants two bounds: uniform:1KiB,64KiB",
            "list" => List(text, parts, out distribution),
            "lognormal" => parts.Length is 2 or 3 ? LogNormal(text, parts, most, out distribution) : "lognormal wants a median, a sigma and perhaps a bound: lognormal:8KiB,1.5,1MiB",
            _ => Unknown(text),
        };
        return wrong ?? (distribution.Least < least || distribution.Most > most
            ? string.Create(CultureInfo.InvariantCulture, $"\"{text}\" leaves what is possible, {least} to {most}")
            : null);
    }

    private static string Unknown(string text) => $"\"{text}\" is not a distribution: write one value, uniform:A,B, list:A*WEIGHT,B*WEIGHT or lognormal:MEDIAN,SIGMA";

    private static string? Fixed(string text, string part, out Distribution distribution)
    {
        string? wrong = Quantity.Size(part, out long value);
        distribution = new Distribution(text, value, value, _ => value);
        return wrong;
    }

    private static string? Uniform(string text, string[] parts, out Distribution distribution)
    {
        string? wrong = Quantity.Size(parts[0], out long from);
        wrong = Quantity.Size(parts[1], out long to) ?? wrong;
        distribution = new Distribution(text, from, to, random => random.NextInt64(from, to + 1));
        return wrong ?? (from > to ? $"\"{text}\" goes downwards" : null);
    }

    private static string? List(string text, string[] parts, out Distribution distribution)
    {
        long[] values = new long[parts.Length];
        double[] until = new double[parts.Length];
        double sum = 0;
        string? wrong = null;
        for (int i = 0; i < parts.Length; i++)
        {
            string[] pair = parts[i].Split('*');
            double weight = 1;
            wrong ??= Quantity.Size(pair[0], out values[i]) ?? (pair.Length > 2 || (pair.Length == 2 && !(double.TryParse(pair[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out weight) && weight > 0))
                ? $"\"{parts[i]}\" is not VALUE or VALUE*WEIGHT"
                : null);
            until[i] = sum += weight;
        }

        distribution = new Distribution(text, values.Min(), values.Max(), random =>
        {
            int at = Array.BinarySearch(until, random.NextDouble() * sum);
            return values[Math.Min(at < 0 ? ~at : at, values.Length - 1)];
        });
        return wrong;
    }

    private static string? LogNormal(string text, string[] parts, long bound, out Distribution distribution)
    {
        long most = bound;
        string? wrong = Quantity.Size(parts[0], out long median);
        bool isSigma = double.TryParse(parts[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double sigma) && sigma is > 0 and < 10;
        wrong ??= isSigma ? null : $"\"{parts[1]}\" is not a sigma: 0.5 is narrow, 2 is wide";
        wrong ??= parts.Length == 3 ? Quantity.Size(parts[2], out most) : null;
        // Never less than one: a message has a recipient, and a size below that has no meaning.
        distribution = new Distribution(text, 1, Math.Max(1, most), random =>
        {
            // Box and Muller.
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            return Math.Clamp((long)(median * Math.Exp(sigma * normal)), 1, most);
        });
        return wrong ?? (median < 1 ? $"\"{text}\" has a median below 1" : null);
    }
}
