using System.Text;
using SmtpBlaster.Messages;

namespace SmtpBlaster.Tests.Messages;

public sealed class MarkerTests
{
    [Theory]
    [InlineData(0u, 0, 1, 0, 0, 0u)]
    [InlineData(uint.MaxValue, long.MaxValue, int.MaxValue, long.MaxValue, long.MaxValue, uint.MaxValue)]
    public void Is_found_again_wherever_it_stands_in_a_header(uint run, long number, int count, long sent, long size, uint crc)
    {
        var marker = new Marker(run, number, count, sent, size, crc);
        byte[] field = new byte[Marker.MaximumLength];
        string text = Encoding.ASCII.GetString(field, 0, marker.Write(field));
        foreach (string header in new[] { text, "Received: x\r\n y\r\n" + text, text + "A: X-Blaster: 1\r\n" })
        {
            Assert.True(Marker.TryFind(Encoding.ASCII.GetBytes(header), out Marker found));
            Assert.Equal(marker, found);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("X-Blaster: ")]
    [InlineData("X-Blaster: 0000000a 1 1 1 1 0000000\r\n")]
    [InlineData("X-Blaster: 0000000a 1 0 1 1 00000000\r\n")]
    [InlineData("X-Blaster: 0000000a -1 1 1 1 00000000\r\n")]
    [InlineData("X-Blaster: 0000000a 99999999999999999999 1 1 1 00000000\r\n")]
    [InlineData("A: X-Blaster: 0000000a 1 1 1 1 00000000\r\n")]
    public void Is_not_found_in_what_somebody_else_wrote(string header) => Assert.False(Marker.TryFind(Encoding.ASCII.GetBytes(header), out _));
}
