using System.Reflection;
using System.Text;
using Relay.Protocol.Smtp;

namespace Relay.Protocol.Tests.Smtp;

public class RepliesTests
{
    public static TheoryData<string> Names => [.. typeof(Replies).GetFields(BindingFlags.Public | BindingFlags.Static).Select(static f => f.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_fixed_reply_is_well_formed_and_named_after_its_code(string name)
    {
        var reply = (Reply)typeof(Replies).GetField(name)!.GetValue(null)!;
        string wire = Encoding.Latin1.GetString(reply.Wire);
        // RFC 4954 §4: behind 334 there is nothing but base64, which may be empty.
        Assert.Matches(wire.StartsWith("334", StringComparison.Ordinal) ? @"^334 [A-Za-z0-9+/=]*\r\n\z" : @"^[2-5]\d\d [\x20-\x7e]+\r\n\z", wire);
        Assert.InRange(wire.Length, 6, Reply.MaximumLineLength);
        Assert.EndsWith(((int)reply.Code).ToString(System.Globalization.CultureInfo.InvariantCulture), name, StringComparison.Ordinal);
        // RFC 2034 §4: an enhanced code on every reply of class 2, 4 and 5, and of that class.
        Assert.Equal(wire[0] != '3', reply.Enhanced.IsPresent);
        Assert.True(!reply.Enhanced.IsPresent || reply.Enhanced.Class == wire[0] - '0');
        Assert.Equal(reply.Enhanced.IsPresent, EnhancedStatusCode.TryParse(reply.Wire[4..], out EnhancedStatusCode written, out _) && written == reply.Enhanced);
    }
}
