using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Dkim;

/// <summary>Which keys sign mail from which domain. Immutable, a reload is a new one; any thread.</summary>
internal sealed class DkimKeys
{
    // By domain; below a domain with a dot in front; "" for all.
    private readonly Dictionary<string, DkimKey[]> _keys;
    private readonly Dictionary<string, DkimKey[]>.AlternateLookup<ReadOnlySpan<char>> _byText;

    private DkimKeys(Dictionary<string, List<DkimKey>> keys)
    {
        _keys = keys.ToDictionary(static k => k.Key, static k => k.Value.ToArray(), StringComparer.OrdinalIgnoreCase);
        _byText = _keys.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public static DkimKeys None { get; } = new([]);

    public bool IsEmpty => _keys.Count == 0;

    /// <summary>Reads the key files. Throws IOException or CryptographicException with one clear line when one can't be used.</summary>
    public static DkimKeys Load(IReadOnlyList<DkimKeyOptions> options)
    {
        var keys = new Dictionary<string, List<DkimKey>>(StringComparer.OrdinalIgnoreCase);
        foreach (DkimKeyOptions key in options)
        {
            var loaded = new DkimKey(key, DkimKeyFile.Load(key.KeyPath));
            foreach (string from in key.From.Count == 0 ? [key.Domain] : key.From)
            {
                string name = from.StartsWith('*') ? from[1..] : from;
                if (!keys.TryGetValue(name, out List<DkimKey>? those))
                {
                    keys[name] = those = [];
                }

                those.Add(loaded);
            }
        }

        return keys.Count == 0 ? None : new DkimKeys(keys);
    }

    /// <summary>Adds the keys for mail whose From field names this domain, each once.</summary>
    public void AddFor(ReadOnlySpan<byte> domain, List<DkimKey> to)
    {
        Span<byte> ascii = stackalloc byte[Domain.MaximumLength];
        Span<char> name = stackalloc char[Domain.MaximumLength];
        if (domain.IsEmpty || !Idna.TryToAscii(domain, ascii, out int length))
        {
            return;
        }

        Encoding.ASCII.GetChars(ascii[..length], name);
        ReadOnlySpan<char> rest = name[..length];
        Add(rest, to);
        for (int dot = rest.IndexOf('.'); dot >= 0; dot = rest.IndexOf('.'))
        {
            Add(rest[dot..], to);
            rest = rest[(dot + 1)..];
        }

        Add("", to);
    }

    private void Add(ReadOnlySpan<char> name, List<DkimKey> to)
    {
        if (!_byText.TryGetValue(name, out DkimKey[]? keys))
        {
            return;
        }

        foreach (DkimKey key in keys)
        {
            if (!to.Contains(key))
            {
                to.Add(key);
            }
        }
    }
}
