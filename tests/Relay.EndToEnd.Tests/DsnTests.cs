using System.Globalization;
using System.Text;
using System.Text.Json;
using MimeKit;
using Relay.EndToEnd.Tests.Harness;

namespace Relay.EndToEnd.Tests;

/// <summary>Delivery status notifications (RFC 3461, RFC 3464) beside a Postfix that knows them too, read back by MimeKit, by Python's email package, and by mutt.</summary>
public sealed class DsnTests
{
    private const string ReadBack = """
        import email, json, sys
        from email import policy
        m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=policy.default)
        parts = list(m.iter_parts())
        groups = [{k: str(v) for k, v in g.items()} for g in parts[1].get_payload()]
        print(json.dumps({"type": m.get_content_type(), "report": m.get_param("report-type"), "auto": m["Auto-Submitted"], "subject": str(m["Subject"]), "defects": [str(d) for d in m.defects],
            "parts": [p.get_content_type() for p in parts], "text": parts[0].get_content(), "groups": groups}))
        """;

    /// <summary>Runs a program on a terminal that nobody sits at.</summary>
    private const string OnTerminal = """
        import os, pty, sys
        child, terminal = pty.fork()
        if child == 0:
            os.execv(sys.argv[1], sys.argv[1:])
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:
            pass
        os.waitpid(child, 0)
        """;

    [Fact]
    public async Task G18_what_the_sender_asks_for_goes_through_us_to_Postfix_which_tells_of_its_success()
    {
        int port = FreePort.On("127.0.0.9");
        await using PostfixInstance receiver = await PostfixInstance.StartAsync("127.0.0.9", port);
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost("127.0.0.9", port));
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        await HandInAsync(client, $"MAIL FROM:<sender@{PostfixInstance.Domain}> RET=HDRS ENVID=my+2Bid", $"RCPT TO:<box@{PostfixInstance.Domain}> NOTIFY=SUCCESS ORCPT=rfc822;first+2Blast@else.test");

        await Eventually.True(() => receiver.Mailbox.Contains("Action: delivered", StringComparison.Ordinal), "Postfix's own report");
        Assert.Contains("Original-Envelope-Id: my+id", receiver.Mailbox, StringComparison.Ordinal);
        Assert.Contains("Original-Recipient: rfc822;first+last@else.test", receiver.Mailbox, StringComparison.Ordinal);
        Assert.DoesNotContain("Action: relayed", receiver.Mailbox, StringComparison.Ordinal);
    }

    [Fact]
    public async Task G18_what_Postfix_asks_for_is_told_by_us_where_the_next_hop_cannot()
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static to => to.Contains("bad@", StringComparison.Ordinal) ? "550 5.1.1 No such user" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port));
        int port = FreePort.On("127.0.0.10");
        await using PostfixInstance sender = await PostfixInstance.StartAsync("127.0.0.10", port, $"""
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            relayhost = [127.0.0.1]:{relay.Port}

            """);
        using RawClient client = await RawClient.ConnectAsync(new System.Net.IPEndPoint(System.Net.IPAddress.Parse("127.0.0.10"), port));
        await client.HelloAsync();

        await HandInAsync(client, "MAIL FROM:<sender@from.test> RET=FULL ENVID=from+2BPostfix", "RCPT TO:<good@to.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;g@else.test", "RCPT TO:<bad@to.test> NOTIFY=FAILURE ORCPT=rfc822;b@else.test", "RCPT TO:<bad@silent.test> NOTIFY=NEVER");

        ArrivedMessage relayed = await server.MessageAsync(static m => m.ReversePath.Length == 0 && m.Text.Contains("Action: relayed", StringComparison.Ordinal), "the report of success");
        ArrivedMessage failed = await server.MessageAsync(static m => m.ReversePath.Length == 0 && m.Text.Contains("Action: failed", StringComparison.Ordinal), "the report of failure");
        foreach ((ArrivedMessage report, string action, string original, string final) in new[] { (relayed, "relayed", "rfc822; g@else.test", "rfc822; good@to.test"), (failed, "failed", "rfc822; b@else.test", "rfc822; bad@to.test") })
        {
            JsonElement read = await PythonAsync(report);
            Assert.Equal(2, read.GetProperty("groups").GetArrayLength());
            Assert.Equal("from+Postfix", read.GetProperty("groups")[0].GetProperty("Original-Envelope-Id").GetString());
            JsonElement recipient = read.GetProperty("groups")[1];
            Assert.Equal((action, original, final), (recipient.GetProperty("Action").GetString(), recipient.GetProperty("Original-Recipient").GetString(), recipient.GetProperty("Final-Recipient").GetString()));
            SameForMimeKit(report, read);
        }

        Assert.Contains("Hello", failed.Text, StringComparison.Ordinal);
        Assert.Equal(3, server.Count);
    }

    [Theory]
    [InlineData("en", "This is the mail server at relay.test")]
    [InlineData("de", "Dies ist der Mailserver relay.test")]
    [InlineData("fr", "Ici le serveur de messagerie relay.test")]
    [InlineData("es", "Este es el servidor de correo relay.test")]
    [InlineData("zh", "这里是邮件服务器 relay.test")]
    public async Task G20_reports_in_each_language_are_read_alike_by_two_readers_and_shown_by_mutt(string language, string begins)
    {
        await using ScriptedServer server = ScriptedServer.Start(new ServerScript { OnRecipient = static to => to.Contains("bad@", StringComparison.Ordinal) ? "550 5.1.1 No such user here" : to.Contains("slow@", StringComparison.Ordinal) ? "450 4.2.2 Mailbox full" : null });
        await using RelayProcess relay = await RelayProcess.StartAsync(RelaySettings.SmartHost(server.Address, server.Port) with { Tables = $"[reports]\nlanguage = \"{language}\"\ndelay_after = \"2s\"" });
        using RawClient client = await RawClient.ConnectAsync(relay.Listener);
        await client.HelloAsync();

        await HandInAsync(client, "MAIL FROM:<sender@from.test>", "RCPT TO:<bad@to.test>", "RCPT TO:<slow@to.test> NOTIFY=DELAY,FAILURE", "RCPT TO:<good@to.test> NOTIFY=SUCCESS");

        foreach (string action in (string[])["failed", "delayed", "relayed"])
        {
            ArrivedMessage report = await server.MessageAsync(m => m.Text.Contains("Action: " + action, StringComparison.Ordinal), "the report: " + action);
            JsonElement read = await PythonAsync(report);
            Assert.Equal(("multipart/report", "delivery-status", "auto-replied"), (read.GetProperty("type").GetString(), read.GetProperty("report").GetString(), read.GetProperty("auto").GetString()));
            Assert.Equal(0, read.GetProperty("defects").GetArrayLength());
            Assert.Contains(begins, read.GetProperty("text").GetString(), StringComparison.Ordinal);
            SameForMimeKit(report, read);
            if (action == "failed")
            {
                string shown = await MuttAsync(report);
                Assert.Contains("bad@to.test", shown, StringComparison.Ordinal);
                Assert.Contains("550 5.1.1 No such user here", shown, StringComparison.Ordinal);
                Assert.Contains(read.GetProperty("subject").GetString()!, shown, StringComparison.Ordinal);
            }
        }
    }

    private static async Task HandInAsync(RawClient client, string mail, params string[] recipients)
    {
        foreach (string command in (string[])[mail, .. recipients])
        {
            Assert.StartsWith("250", await client.CommandAsync(command), StringComparison.Ordinal);
        }

        Assert.StartsWith("354", await client.CommandAsync("DATA"), StringComparison.Ordinal);
        Assert.StartsWith("250", await client.CommandAsync("From: sender@from.test\r\nSubject: mine\r\n\r\nHello\r\n."), StringComparison.Ordinal);
    }

    private static async Task<JsonElement> PythonAsync(ArrivedMessage report)
    {
        using var folder = new TempFolder();
        string file = folder.File("report.eml");
        await File.WriteAllBytesAsync(file, report.Original.ToArray(), TestContext.Current.CancellationToken);
        await using ToolProcess python = await ToolProcess.RunAsync(Tool.Find("python3", "python3"), ["-c", ReadBack, file]);
        Assert.True(python.ExitCode == 0, python.Transcript);
        return JsonDocument.Parse(Assert.Single(python.Output)).RootElement;
    }

    private static void SameForMimeKit(ArrivedMessage report, JsonElement read)
    {
        using var content = new MemoryStream(report.Original.ToArray());
        MimeMessage message = MimeMessage.Load(content, TestContext.Current.CancellationToken);
        var parts = Assert.IsType<MultipartReport>(message.Body);
        Assert.Equal(read.GetProperty("subject").GetString(), message.Subject);
        Assert.Equal(read.GetProperty("text").GetString()!.ReplaceLineEndings("\n"), Assert.IsType<TextPart>(parts[0]).Text.ReplaceLineEndings("\n"));
        HeaderListCollection groups = Assert.IsType<MessageDeliveryStatus>(parts[1]).StatusGroups;
        for (int i = 0; i < groups.Count; i++)
        {
            Assert.Equal(
                read.GetProperty("groups")[i].EnumerateObject().Select(static f => $"{f.Name}: {Unfolded(f.Value.GetString()!)}"),
                groups[i].Select(static f => $"{f.Field}: {Unfolded(f.Value)}"));
        }
    }

    private static string Unfolded(string value) => value.Replace("\r\n", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim();

    /// <summary>What mutt would print of it, on a terminal of its own.</summary>
    private static async Task<string> MuttAsync(ArrivedMessage report)
    {
        using var folder = new TempFolder();
        string box = folder.File("box");
        await File.WriteAllTextAsync(box, string.Create(CultureInfo.InvariantCulture, $"From MAILER-DAEMON Mon Nov 30 08:00:00 2026\n{Encoding.Latin1.GetString(report.Original).ReplaceLineEndings("\n")}\n"), TestContext.Current.CancellationToken);
        string rc = folder.Write("muttrc", $"set folder={folder.Path}\nset charset=utf-8\nset print=yes\nset print_decode=yes\nset wait_key=no\nset print_command=\"cat > {folder.File("shown")}\"\nset mbox_type=mbox\nset confirmappend=no\npush \"<print-message><exit>\"\n");
        await using ToolProcess mutt = await ToolProcess.RunAsync(
            Tool.Find("python3", "python3"), ["-c", OnTerminal, Tool.Find("mutt", "mutt"), "-n", "-F", rc, "-R", "-f", box],
            environment: new Dictionary<string, string> { ["TERM"] = "xterm", ["LC_ALL"] = "C.UTF-8", ["HOME"] = folder.Path });
        Assert.True(File.Exists(folder.File("shown")), mutt.Transcript);
        return await File.ReadAllTextAsync(folder.File("shown"), TestContext.Current.CancellationToken);
    }
}
