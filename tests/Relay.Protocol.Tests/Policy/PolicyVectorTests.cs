using System.Text;
using System.Text.Json;
using Relay.Protocol.Policy;

namespace Relay.Protocol.Tests.Policy;

/// <summary>What other people's tests say of the records and policies of MTA-STS and TLS reporting.</summary>
public sealed class PolicyVectorTests
{
    [Fact]
    public void L26_the_tables_of_MTA_STS_agree()
    {
        JsonElement tables = Vectors.Read("policy-records", "mta-sts.json");
        var wrong = new List<string>();
        int count = Check(tables.GetProperty("txt_record"), static v => MtaStsRecord.TryParse(v.GetProperty("input").GetString()!, out _), "valid", wrong)
            + Check(tables.GetProperty("policy_file"), static v => MtaStsPolicy.TryParse(v.GetProperty("input").GetString(), out _, out _), "valid", wrong)
            + Check(tables.GetProperty("policy_check"), static v => MtaStsPolicy.TryParse(Written(v), out _, out _), "valid", wrong)
            + Check(tables.GetProperty("mx_match"), static v => MtaStsPolicy.Matches(v.GetProperty("pattern").GetString()!, v.GetProperty("mx").GetString()!), "match", wrong);
        Assert.Equal(67, count);
        Assert.Empty(wrong);
    }

    [Fact]
    public void The_table_of_TLS_reporting_agrees()
    {
        var wrong = new List<string>();
        Assert.Equal(20, Check(Vectors.Read("policy-records", "tlsrpt.json").GetProperty("txt_record"), static v => TlsRptRecord.TryParse(v.GetProperty("input").GetString()!, out _), "valid", wrong));
        Assert.Empty(wrong);
    }

    private static int Check(JsonElement table, Func<JsonElement, bool> ours, string verdict, List<string> wrong)
    {
        wrong.AddRange(table.EnumerateArray().Where(v => ours(v) != v.GetProperty(verdict).GetBoolean()).Select(static v => v.ToString()));
        return table.GetArrayLength();
    }

    private static string Written(JsonElement policy)
    {
        var text = new StringBuilder();
        foreach (JsonProperty field in policy.EnumerateObject().Where(static f => f.Name is "version" or "mode" or "max_age"))
        {
            text.Append(field.Name).Append(": ").Append(field.Value).Append('\n');
        }

        foreach (JsonElement host in policy.TryGetProperty("mx", out JsonElement hosts) ? hosts.EnumerateArray() : default)
        {
            text.Append("mx: ").Append(host).Append('\n');
        }

        return text.ToString();
    }
}
