using System.Diagnostics.CodeAnalysis;
using DnsClient.Protocol;

namespace Relay.Dns;

/// <summary>Takes the value out of a record of the wanted type, and leaves every other one.</summary>
internal delegate bool Picker<T>(DnsResourceRecord record, [MaybeNullWhen(false)] out T value);
