using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Relay.Tests.Support;

/// <summary>An issuer of access tokens: its keys, as a JSON Web Key Set, and tokens of any kind, written by hand so that bad ones can be made too.</summary>
internal sealed class TokenMaker : IDisposable
{
    public const string Issuer = "https://issuer.example";
    public const string Audience = "smtp.example";

    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string RsaPublicPem => _rsa.ExportSubjectPublicKeyInfoPem();

    public string Keys(string rsaId = "rsa", string ecId = "ec")
    {
        RSAParameters rsa = _rsa.ExportParameters(false);
        ECParameters ec = _ec.ExportParameters(false);
        return new JsonObject
        {
            ["keys"] = new JsonArray(
                new JsonObject { ["kty"] = "RSA", ["kid"] = rsaId, ["use"] = "sig", ["n"] = Url(rsa.Modulus!), ["e"] = Url(rsa.Exponent!) },
                new JsonObject { ["kty"] = "EC", ["kid"] = ecId, ["crv"] = "P-256", ["x"] = Url(ec.Q.X!), ["y"] = Url(ec.Q.Y!) },
                new JsonObject { ["kty"] = "oct", ["kid"] = "oct", ["k"] = Url("a secret that everybody can read"u8.ToArray()) }),
        }.ToJsonString();
    }

    /// <summary>A good token but for what <paramref name="change"/> makes of its claims.</summary>
    public string Make(DateTimeOffset now, string user, string algorithm = "RS256", string? kid = null, Action<JsonObject>? change = null)
    {
        var claims = new JsonObject
        {
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["exp"] = now.AddMinutes(5).ToUnixTimeSeconds(),
            ["email"] = user,
            ["scope"] = "openid mail.send",
        };
        change?.Invoke(claims);
        var header = new JsonObject { ["typ"] = "at+jwt", ["alg"] = algorithm };
        if ((kid ?? (algorithm[0] == 'E' ? "ec" : "rsa")) is { Length: > 0 } id)
        {
            header["kid"] = id;
        }

        string signed = Url(JsonSerializer.SerializeToUtf8Bytes(header)) + "." + Url(JsonSerializer.SerializeToUtf8Bytes(claims));
        byte[] octets = Encoding.ASCII.GetBytes(signed);
        byte[] signature = algorithm switch
        {
            "RS256" => _rsa.SignData(octets, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            "PS256" => _rsa.SignData(octets, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
            "ES256" => _ec.SignData(octets, HashAlgorithmName.SHA256),
            "HS256" => HMACSHA256.HashData(Encoding.ASCII.GetBytes(kid == "oct" ? "a secret that everybody can read" : RsaPublicPem), octets),
            _ => [],
        };
        return signed + "." + Url(signature);
    }

    public void Dispose()
    {
        _rsa.Dispose();
        _ec.Dispose();
    }

    private static string Url(byte[] octets) => System.Buffers.Text.Base64Url.EncodeToString(octets);
}
