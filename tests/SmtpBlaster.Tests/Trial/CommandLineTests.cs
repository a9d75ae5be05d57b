using SmtpBlaster.Tests.Harness;

namespace SmtpBlaster.Tests.Trial;

public sealed class CommandLineTests
{
    [Fact]
    public async Task A_relay_that_cant_be_started_or_ends_at_once_is_told()
    {
        string target = $"127.0.0.1:{Blaster.FreePort()}";
        (int status, _, string errors) = await Blaster.RunAsync("dotnet", Built.Blaster, "run", "--target", target, "--sink", "127.0.0.1:0", "--", "/no/such/relay");
        Assert.Equal(2, status);
        Assert.Contains("/no/such/relay can't be started", errors, StringComparison.Ordinal);
        (status, _, errors) = await Blaster.RunAsync("dotnet", Built.Blaster, "run", "--target", target, "--sink", "127.0.0.1:0", "--", "sh", "-c", "exit 3");
        Assert.Equal(2, status);
        Assert.Contains("ended with status 3", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("source 127.0.0.1:25 --size 4XB", "not a size")]
    [InlineData("source 127.0.0.1:25 --sessions 0", "--sessions")]
    [InlineData("source 127.0.0.1:25 --sessions 1:5", "--ramp")]
    [InlineData("source 127.0.0.1:99999", "port")]
    [InlineData("source 127.0.0.1:25 --to a@b --recipients 2", "{n}")]
    [InlineData("source 127.0.0.1:25 --auth plain", "--user")]
    [InlineData("source 127.0.0.1:25 --bind 127.0.0.1/88", "--bind")]
    [InlineData("source 127.0.0.1:25 --message /no/such.eml", "can't be read")]
    [InlineData("source 127.0.0.1:25 --tls maybe", "maybe")]
    [InlineData("sink --rule nonsense", "stage")]
    [InlineData("sink 192.0.2.1:2600", "can't listen")]
    public async Task Wrong_options_are_told_in_one_line(string arguments, string part)
    {
        (int status, string output, string errors) = await Blaster.RunAsync("dotnet", [Built.Blaster, .. arguments.Split(' ')]);
        Assert.InRange(status, 1, 2);
        Assert.Equal("", output);
        Assert.StartsWith("smtp-blaster: ", errors, StringComparison.Ordinal);
        Assert.Contains(part, errors, StringComparison.Ordinal);
    }
}
