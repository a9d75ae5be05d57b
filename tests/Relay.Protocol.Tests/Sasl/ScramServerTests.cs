using System.Security.Cryptography;
using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Protocol.Tests.Sasl;

public class ScramServerTests
{
    // RFC 7677 §3.
    private const string ClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    private const string ServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    private const string WithoutProof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    private const string Proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    private static readonly byte[] Binding = [1, 2, 3, 4];
    private static readonly ScramVerifier Pencil = ScramVerifier.Of("pencil"u8, Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);

    [Fact]
    public void The_example_of_RFC_7677_comes_out_as_printed_there()
    {
        var server = new ScramServer(false, []);
        Assert.True(server.TryFirst(Octets(ClientFirst)));
        Assert.Equal("user", Text(server.User));
        Assert.Equal("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", Text(server.First(Pencil, ServerNonce)));
        Assert.True(server.TryFinal(Octets(WithoutProof + Proof), out byte[] final));
        Assert.Equal("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Text(final));
    }

    [Theory]
    [InlineData(WithoutProof + ",p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData(WithoutProof + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndV")]
    [InlineData(WithoutProof + ",p=")]
    [InlineData(WithoutProof)]
    [InlineData(WithoutProof + "x" + Proof)]
    [InlineData("c=biws,r=rOprNGfwEbeRWgbNEkqO" + Proof)]
    [InlineData("c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" + Proof)]
    [InlineData("")]
    public void A_client_without_the_right_proof_has_not_logged_in(string clientFinal)
    {
        var server = new ScramServer(false, []);
        Assert.True(server.TryFirst(Octets(ClientFirst)));
        server.First(Pencil, ServerNonce);
        Assert.False(server.TryFinal(Octets(clientFinal), out byte[] final));
        Assert.Empty(final);
    }

    [Theory]
    [InlineData("")]
    [InlineData("n")]
    [InlineData("n,")]
    [InlineData("n,,")]
    [InlineData("n,,n=user")]
    [InlineData("n,,r=x,n=user")]
    [InlineData("n,,n=,r=x")]
    [InlineData("n,,n=user,r=")]
    [InlineData("n,,n=user,r=a b")]
    [InlineData("n,,n=us=er,r=x")]
    [InlineData("n,,n=us\0er,r=x")]
    [InlineData("n,,m=x,n=user,r=x")]
    [InlineData("n,b=user,n=user,r=x")]
    [InlineData("x,,n=user,r=x")]
    [InlineData("p=,,n=user,r=x")]
    public void What_is_no_first_message_is_told_so(string clientFirst) => Assert.False(new ScramServer(false, []).TryFirst(Octets(clientFirst)));

    [Fact]
    public void Commas_and_equals_signs_in_a_name_are_no_longer_escaped()
    {
        var server = new ScramServer(false, []);
        Assert.True(server.TryFirst(Octets("n,,n=a=2Cb=3Dc,r=x")));
        Assert.Equal("a,b=c", Text(server.User));
    }

    [Theory]
    [InlineData(false, "n,,", true)]
    [InlineData(false, "n,a=user,", true)]
    [InlineData(false, "n,a=other,", false)]
    // A client that can bind and was told that we can't: somebody stands between us.
    [InlineData(false, "y,,", false)]
    [InlineData(false, "p=tls-server-end-point,,", false)]
    [InlineData(true, "p=tls-server-end-point,,", true)]
    [InlineData(true, "p=tls-unique,,", false)]
    [InlineData(true, "n,,", false)]
    public void A_binding_is_what_both_sides_say_or_nobody_logs_in(bool plus, string header, bool good) => Assert.Equal(good, LogsIn(plus, Binding, header, plus ? Binding : []));

    [Fact]
    public void A_client_that_can_bind_logs_in_where_nothing_is_offered_to_bind_to() => Assert.True(LogsIn(false, [], "y,,", []));

    [Fact]
    public void The_hash_of_another_certificate_is_no_binding() => Assert.False(LogsIn(true, Binding, "p=tls-server-end-point,,", [1, 2, 3, 5]));

    [Fact]
    public void Nonces_differ()
    {
        var first = new ScramServer(false, []);
        var second = new ScramServer(false, []);
        Assert.True(first.TryFirst(Octets(ClientFirst)) && second.TryFirst(Octets(ClientFirst)));
        Assert.NotEqual(Text(first.First(Pencil)), Text(second.First(Pencil)));
    }

    /// <summary>An honest client in all but its header and its binding: it proves that it knows the password.</summary>
    private static bool LogsIn(bool plus, byte[] ours, string header, byte[] theirs)
    {
        var server = new ScramServer(plus, ours);
        string bare = "n=user,r=x";
        Assert.True(server.TryFirst(Octets(header + bare)));
        string first = Text(server.First(Pencil, "y"));
        string withoutProof = $"c={Convert.ToBase64String([.. Octets(header), .. theirs])},r=xy";
        byte[] salted = Rfc2898DeriveBytes.Pbkdf2("pencil"u8, Pencil.Salt, Pencil.Iterations, HashAlgorithmName.SHA256, 32);
        byte[] key = HMACSHA256.HashData(salted, "Client Key"u8);
        byte[] signature = HMACSHA256.HashData(Pencil.StoredKey, Octets($"{bare},{first},{withoutProof}"));
        byte[] proof = [.. key.Zip(signature, static (a, b) => (byte)(a ^ b))];
        return server.TryFinal(Octets($"{withoutProof},p={Convert.ToBase64String(proof)}"), out _);
    }

    private static byte[] Octets(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(byte[] octets) => Encoding.UTF8.GetString(octets);
}
