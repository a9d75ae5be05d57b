using System.Text;
using Relay.Protocol.Sasl;

namespace Relay.Protocol.Tests.Sasl;

public class ScramClientTests
{
    // RFC 7677 §3.
    private const string Nonce = "rOprNGfwEbeRWgbNEkqO";
    private const string ServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    private const string ServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    [Fact]
    public void The_example_of_RFC_7677_comes_out_as_printed_there()
    {
        var client = new ScramClient("user", "pencil", Nonce);
        Assert.Equal("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", Text(client.First()));
        Assert.True(client.TryFinal(Octets(ServerFirst), out byte[] final));
        Assert.Equal("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", Text(final));
        Assert.True(client.IsProof(Octets(ServerFinal)));
    }

    [Theory]
    [InlineData("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")]
    [InlineData("v=")]
    [InlineData("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G")]
    [InlineData("e=other-error")]
    [InlineData("")]
    public void A_server_without_the_right_signature_has_proved_nothing(string serverFinal)
    {
        var client = new ScramClient("user", "pencil", Nonce);
        Assert.False(client.IsProof(Octets(ServerFinal)));
        Assert.True(client.TryFinal(Octets(ServerFirst), out _));
        Assert.False(client.IsProof(Octets(serverFinal)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("e=unknown-user")]
    [InlineData("r=somebodyElses,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=*,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-4096")]
    [InlineData("m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqO\u00e9,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")]
    public void What_no_honest_server_says_gets_no_proof_of_ours(string serverFirst)
    {
        var client = new ScramClient("user", "pencil", Nonce);
        Assert.False(client.TryFinal(Octets(serverFirst), out byte[] final));
        Assert.Empty(final);
    }

    [Fact]
    public void Commas_and_equals_signs_in_a_name_are_escaped() =>
        Assert.Equal("n,,n=a=2Cb=3Dc,r=x", Text(new ScramClient("a,b=c", "p", "x").First()));

    [Fact]
    public void Nonces_differ_and_hold_no_comma()
    {
        string[] nonces = [.. Enumerable.Range(0, 100).Select(static _ => ScramClient.NewNonce())];
        Assert.Equal(100, nonces.Distinct().Count());
        Assert.All(nonces, static n => Assert.DoesNotContain(',', n));
    }

    private static byte[] Octets(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(byte[] octets) => Encoding.UTF8.GetString(octets);
}
