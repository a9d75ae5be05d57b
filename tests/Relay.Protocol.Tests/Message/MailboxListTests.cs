using System.Text;
using Relay.Protocol.Message;

namespace Relay.Protocol.Tests.Message;

public class MailboxListTests
{
    [Theory]
    [InlineData(" a@b.example", "a@b.example")]
    [InlineData(" <a@b.example>", "a@b.example")]
    [InlineData(" Alice Example <a@b.example> (at work)\r\n", "a@b.example")]
    [InlineData(" Alice\r\n <a@b.example>", "a@b.example")]
    [InlineData(" \"Example, Alice <x@y>\" <a@b.example>", "a@b.example")]
    [InlineData(" \"a\\\"<x@y.example>, \" <a@b.example>", "a@b.example")]
    [InlineData(" (<x@y.example>, (nested\\)) ) a@b.example", "a@b.example")]
    [InlineData(" a@b.example, B <c@d.example>", "a@b.example c@d.example")]
    [InlineData(" =?utf-8?q?Ren=C3=A9?= <a@b.example>", "a@b.example")]
    [InlineData(" Ren\u00e9 <ren\u00e9@b.example>", "ren\u00e9@b.example")]
    [InlineData(" \"a b\"@c.example", "\"a b\"@c.example")]
    public void Mailboxes_are_found_among_what_people_write(string value, string expected) => Assert.Equal(expected, Read(value));

    [Theory]
    [InlineData("")]
    [InlineData(" \r\n")]
    [InlineData(" Alice")]
    [InlineData(" a@b.example,")]
    [InlineData(" ,a@b.example")]
    [InlineData(" <a@b.example> <x@y.example>")]
    [InlineData(" <a@b.example> x@y.example")]
    [InlineData(" x@y.example <a@b.example>")]
    [InlineData(" <x@y.example>, <a@b.example")]
    [InlineData(" group: a@b.example;")]
    [InlineData(" <@route.example:a@b.example>")]
    [InlineData(" a@b.example (open")]
    [InlineData(" \"open <a@b.example>")]
    [InlineData(" a @b.example")]
    [InlineData(" a@b.example\0")]
    [InlineData(" <>")]
    public void What_two_readers_could_understand_differently_is_no_list(string value) => Assert.Null(Read(value));

    private static string? Read(string value)
    {
        var mailboxes = new List<byte[]>();
        return MailboxList.TryRead(Encoding.UTF8.GetBytes(value), mailboxes) ? string.Join(' ', mailboxes.Select(Encoding.UTF8.GetString)) : null;
    }
}
