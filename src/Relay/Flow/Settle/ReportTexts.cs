using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using Relay.Protocol.Dsn;
using Relay.Protocol.Message;

namespace Relay.Flow.Settle;

/// <summary>
/// What reports say to people, in one language: what happened, in plain words, and what the sender can do. An operator's texts take the place of ours, one by one. Immutable, a reload is a new one; any thread.
/// </summary>
public sealed class ReportTexts
{
    /// <summary>The language whose texts are complete by definition.</summary>
    public const string DefaultLanguage = "en";

    /// <summary>RFC 5322 §2.1.1.</summary>
    private const int Width = 76;

    /// <summary>How much of an address or a reply stands in one line: with four octets a character, no line gets too long.</summary>
    private const int LongestWord = 240;

    private readonly FrozenDictionary<string, string> _texts;

    private ReportTexts(string language, FrozenDictionary<string, string> texts)
    {
        Language = language;
        _texts = texts;
    }

    /// <summary>The languages that we have texts in (RFC 5646).</summary>
    public static IReadOnlyList<string> Languages { get; } = ["en", "de", "fr", "es", "zh"];

    public string Language { get; }

    /// <summary>Ours, with <paramref name="own"/> in place of those of the same name.</summary>
    public static ReportTexts For(string language, IReadOnlyDictionary<string, string> own)
    {
        var texts = new Dictionary<string, string>(BuiltIn(language), StringComparer.Ordinal);
        foreach ((string name, string text) in own)
        {
            texts[name] = text;
        }

        return new ReportTexts(language, texts.ToFrozenDictionary(StringComparer.Ordinal));
    }

    /// <summary>Reads a file of texts: "[name]" begins one, "#" a comment in front of the first. Tells each wrong line with its number, from 1.</summary>
    public static IReadOnlyDictionary<string, string> Parse(string file, Action<int, string> wrong) => Parse(file, BuiltIn(DefaultLanguage), wrong);

    /// <summary>Without <paramref name="known"/> any name may stand there.</summary>
    private static Dictionary<string, string> Parse(string file, Dictionary<string, string>? known, Action<int, string> wrong)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        string? name = null;
        int number = 0;
        foreach (string raw in file.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            string line = raw.TrimEnd();
            if (line.StartsWith('[') && line.EndsWith(']'))
            {
                name = line[1..^1];
                if (known is not null && !known.ContainsKey(name))
                {
                    wrong(number, $"there is no text [{name}]: there are {string.Join(", ", known.Keys.Order(StringComparer.Ordinal))}");
                }
                else if (!texts.TryAdd(name, ""))
                {
                    wrong(number, $"[{name}] stands there twice");
                }
            }
            else if (name is not null)
            {
                texts[name] = texts.GetValueOrDefault(name, "") + line + "\n";
                if (line.Length > 200)
                {
                    wrong(number, "a line of over 200 characters: break it, best before 76");
                }
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                wrong(number, "a text begins with its name, like [intro.failed]");
            }
        }

        return texts.ToDictionary(static t => t.Key, static t => t.Value.Trim('\n'), StringComparer.Ordinal);
    }

    internal string Subject(ReportAction action) => this["subject." + Word(action)].Split('\n')[0];

    /// <summary>The part for people.</summary>
    internal string Compose(string host, QueueId id, DateTimeOffset? until, ReportAction action, IReadOnlyList<ReportEntry> recipients)
    {
        var text = new StringBuilder();
        text.Append(this["intro." + Word(action)])
            .Replace("{host}", host).Replace("{id}", id.ToString()).Replace("{until}", until is { } end ? Date(end) : "").Append('\n');
        foreach (ReportEntry recipient in recipients)
        {
            text.Append('\n');
            Fold(text, $"<{recipient.Address}>", 2);
            if (recipient.IsLate || recipient.IsExpired)
            {
                Indent(text, this[recipient.IsLate ? "late" : "expired"]);
            }

            if (action is ReportAction.Failed or ReportAction.Delayed)
            {
                Indent(text, this["class." + FailureClassWord.Of(recipient.Class)]);
            }

            if (recipient.Reply is { } reply)
            {
                Indent(text, (reply.Code == 0 ? this["reason"] : this["said"]).Replace("{remote}", recipient.RemoteHost ?? "", StringComparison.Ordinal));
                Fold(text, reply.Words, 6);
            }
        }

        return text.ToString();
    }

    private string this[string name] => _texts[name];

    private static string Word(ReportAction action) => action switch
    {
        ReportAction.Failed => "failed",
        ReportAction.Delayed => "delayed",
        ReportAction.Relayed => "relayed",
        _ => "delivered",
    };

    /// <summary>The same for all languages, and for machines.</summary>
    private static string Date(DateTimeOffset date) => date.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static void Indent(StringBuilder text, string lines)
    {
        foreach (string line in lines.Split('\n'))
        {
            text.Append(line.Length == 0 ? "" : "    ").Append(line).Append('\n');
        }
    }

    /// <summary>Words of unknown origin, in lines that all begin with spaces.</summary>
    private static void Fold(StringBuilder text, string words, int indent)
    {
        int column = 0;
        foreach (string whole in words.Split((char[])[' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries))
        {
            for (int at = 0; at < whole.Length;)
            {
                int length = Math.Min(LongestWord, whole.Length - at);
                // Not between the halves of a character.
                length -= at + length < whole.Length && char.IsHighSurrogate(whole[at + length - 1]) && length > 1 ? 1 : 0;
                if (column > 0 && (column + 1 + length > Width || at > 0))
                {
                    text.Append('\n');
                    column = 0;
                }

                text.Append(column == 0 ? new string(' ', indent) : " ").Append(whole, at, length);
                column += (column == 0 ? indent : 1) + length;
                at += length;
            }
        }

        text.Append(column == 0 ? new string(' ', indent) + "-\n" : "\n");
    }

    private static Dictionary<string, string> BuiltIn(string language)
    {
        using Stream stream = typeof(ReportTexts).Assembly.GetManifestResourceStream($"Relay.Texts.{language}.txt") ?? throw new ArgumentException($"there are no texts in {language}", nameof(language));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return Parse(reader.ReadToEnd(), null, static (line, error) => throw new InvalidOperationException($"our own texts, line {line}: {error}"));
    }
}
