using System.Globalization;
using System.Net;
using System.Text;

namespace SmtpBlaster.Report;

/// <summary>Lines over a common axis as an SVG element. The vertical axis is linear from 0, or logarithmic; the horizontal one is linear, with labels of the caller's choice or at round numbers.</summary>
internal sealed class Plot(string title, string horizontal, bool logarithmic, Func<double, string> label)
{
    private const int Width = 900;
    private const int Height = 300;
    private const int Left = 80;
    private const int Right = 40;
    private const int Top = 16;
    private const int Bottom = 44;

    private readonly List<(string Name, IReadOnlyList<(double X, double Y)> Points)> _lines = [];

    /// <summary>Positions and texts of labels below; empty: round numbers.</summary>
    public IReadOnlyList<(double X, string Text)> Marks { get; init; } = [];

    public void Add(string name, IReadOnlyList<(double X, double Y)> points) => _lines.Add((name, points));

    public string Write()
    {
        var points = _lines.SelectMany(static l => l.Points).ToArray();
        double left = points.Length == 0 ? 0 : points.Min(static p => p.X);
        double right = points.Length == 0 ? 1 : points.Max(static p => p.X);
        right = right > left ? right : left + 1;
        double most = points.Length == 0 ? 1 : Math.Max(points.Max(static p => p.Y), 1e-9);
        double least = logarithmic ? Math.Max(1, points.Where(static p => p.Y > 0).Select(static p => p.Y).DefaultIfEmpty(1).Min()) : 0;
        // Whole decades, or a round number above the highest.
        double low = logarithmic ? Math.Floor(Math.Log10(least)) : 0;
        double step = logarithmic ? 1 : Round(most / 4);
        double high = logarithmic ? Math.Max(low + 1, Math.Ceiling(Math.Log10(most))) : Math.Ceiling(most / step) * step;

        double X(double x) => Left + ((x - left) / (right - left) * (Width - Left - Right));
        double Y(double y)
        {
            double value = logarithmic ? Math.Log10(Math.Max(y, Math.Pow(10, low))) : y;
            return Height - Bottom - ((value - low) / (high - low) * (Height - Top - Bottom));
        }

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<figure><figcaption>{Text(title)}</figcaption><svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Text(title)}\">\n");
        for (double mark = low; mark <= high + (step / 1000); mark += step)
        {
            double value = logarithmic ? Math.Pow(10, mark) : mark;
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(value):0.0}\" y2=\"{Y(value):0.0}\"/><text class=\"y\" x=\"{Left - 8}\" y=\"{Y(value) + 4:0.0}\">{Text(label(value))}</text>\n");
        }

        foreach ((double x, string text) in Marks.Count > 0 ? Marks.Where(m => m.X <= right) : RoundMarks(left, right))
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{X(x):0.0}\" x2=\"{X(x):0.0}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/><text class=\"x\" x=\"{X(x):0.0}\" y=\"{Height - Bottom + 16}\">{Text(text)}</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"x\" x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 6}\">{Text(horizontal)}</text>\n");
        int color = 0;
        foreach ((string name, IReadOnlyList<(double X, double Y)> line) in _lines)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<polyline class=\"c{color}\" points=\"");
            foreach ((double x, double y) in line)
            {
                svg.Append(CultureInfo.InvariantCulture, $"{X(x):0.0},{Y(y):0.0} ");
            }

            svg.Append(CultureInfo.InvariantCulture, $"\"><title>{Text(name)}</title></polyline>\n");
            color++;
        }

        svg.Append("</svg><ul class=\"key\">");
        for (int i = 0; i < _lines.Count; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<li class=\"c{i}\">{Text(_lines[i].Name)}</li>");
        }

        return svg.Append("</ul></figure>\n").ToString();
    }

    /// <summary>The next of 1, 2 and 5 times a power of ten.</summary>
    internal static double Round(double value)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(value, 1e-9))));
        double factor = value / power;
        return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
    }

    private static IEnumerable<(double X, string Text)> RoundMarks(double left, double right)
    {
        double step = Round((right - left) / 8);
        for (double x = Math.Ceiling(left / step) * step; x <= right; x += step)
        {
            yield return (x, x.ToString("0.###", CultureInfo.InvariantCulture));
        }
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
