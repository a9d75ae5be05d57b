using System.Text;

namespace SmtpBlaster.Report;

/// <summary>Replies counted by where they were given and their code, with one example of each refusal. One thread; added up at the end.</summary>
internal sealed class ReplyTally
{
    private const int Codes = 1000;
    private const int MaximumExampleLength = 200;

    private readonly long[] _counts = new long[(int)(Stage.Quit + 1) * Codes];
    private readonly Dictionary<int, string> _examples = [];

    /// <summary>The text begins behind the code.</summary>
    public void Count(Stage stage, int code, ReadOnlySpan<byte> text)
    {
        int at = ((int)stage * Codes) + code;
        if (_counts[at]++ == 0 && code >= 400)
        {
            text = text[..Math.Min(MaximumExampleLength, text.Length)];
            char[] clean = Encoding.UTF8.GetChars(text.ToArray());
            _examples[at] = new string(Array.ConvertAll(clean, static c => char.IsControl(c) ? '?' : c)).Trim();
        }
    }

    public void Add(ReplyTally other)
    {
        for (int i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }

        foreach ((int at, string example) in other._examples)
        {
            _examples.TryAdd(at, example);
        }
    }

    public IEnumerable<ReplyCount> All()
    {
        for (int at = 0; at < _counts.Length; at++)
        {
            if (_counts[at] > 0)
            {
                yield return new ReplyCount((Stage)(at / Codes), at % Codes, _counts[at], _examples.GetValueOrDefault(at));
            }
        }
    }
}
