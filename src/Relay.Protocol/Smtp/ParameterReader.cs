using System.Buffers;

namespace Relay.Protocol.Smtp;

/// <summary>
/// Walks the parameters of MAIL or RCPT: <c>esmtp-param = esmtp-keyword ["=" esmtp-value]</c> (RFC 5321 §4.1.2), separated by spaces.
/// Knows the form, not the meaning. With <paramref name="utf8"/> a value may hold octets above 127 (RFC 6531 §3.3); whether they are UTF-8 is for whoever knows the parameter.
/// </summary>
internal ref struct ParameterReader(ReadOnlySpan<byte> text, bool utf8 = false)
{
    private static readonly SearchValues<byte> KeywordOctets = SearchValues.Create("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    private readonly byte _last = utf8 ? (byte)255 : (byte)126;
    private ReadOnlySpan<byte> _rest = text;

    public ReadOnlySpan<byte> Keyword { get; private set; }

    /// <summary>Empty when there was no "=".</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>True once a parameter was met that isn't well-formed; there is no next one then.</summary>
    public bool IsMalformed { get; private set; }

    public bool MoveNext()
    {
        _rest = _rest.TrimStart((byte)' ');
        if (_rest.IsEmpty)
        {
            return false;
        }

        int end = _rest.IndexOf((byte)' ');
        ReadOnlySpan<byte> parameter = end < 0 ? _rest : _rest[..end];
        _rest = _rest[parameter.Length..];
        int equals = parameter.IndexOf((byte)'=');
        Keyword = equals < 0 ? parameter : parameter[..equals];
        Value = equals < 0 ? default : parameter[(equals + 1)..];
        IsMalformed = Keyword.IsEmpty || Keyword[0] == '-' || Keyword.ContainsAnyExcept(KeywordOctets) || (equals >= 0 && !IsValue(Value));
        return !IsMalformed;
    }

    /// <summary><c>esmtp-value = 1*(%d33-60 / %d62-126)</c>.</summary>
    private readonly bool IsValue(ReadOnlySpan<byte> value) =>
        !value.IsEmpty && !value.ContainsAnyExceptInRange((byte)33, _last) && !value.ContainsAny((byte)'=', (byte)127);
}
