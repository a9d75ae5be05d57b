using System.Net;

namespace Relay.Flow;

/// <summary>What a host answered, as much of it as was wanted; <see cref="IsTooLong"/>: there was more. <see cref="MediaType"/> null: it doesn't say.</summary>
internal readonly record struct HttpsAnswer(HttpStatusCode Status, string? MediaType, bool IsTooLong, ReadOnlyMemory<byte> Content);
