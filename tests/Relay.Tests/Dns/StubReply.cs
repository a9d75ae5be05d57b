using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Relay.Tests.Dns;

/// <summary>A DNS response, octet by octet, to the query it is made from; right unless a test bends it. Names are written without compression.</summary>
internal sealed class StubReply
{
    private readonly byte[] _query;
    private readonly List<byte[]> _answers = [];
    private readonly List<byte[]> _authorities = [];
    private readonly List<byte[]> _additionals = [];

    public StubReply(byte[] query)
    {
        _query = query;
        Question = query[12..QuestionEnd(query)];
    }

    public enum RecordType : ushort
    {
        A = 1,
        Ns = 2,
        Cname = 5,
        Soa = 6,
        Ptr = 12,
        Mx = 15,
        Txt = 16,
        Aaaa = 28,
        Opt = 41,
        Tlsa = 52,
    }

    public int Code { get; init; }

    public bool IsResponse { get; init; } = true;

    public bool IsTruncated { get; init; }

    public bool IsAuthentic { get; init; }

    /// <summary>Added to the query's id.</summary>
    public int WrongId { get; init; }

    public byte[] Question { get; init; }

    public static string NameOf(byte[] query)
    {
        var name = new StringBuilder();
        for (int at = 12; query[at] != 0; at += query[at] + 1)
        {
            name.Append(Encoding.ASCII.GetString(query, at + 1, query[at])).Append('.');
        }

        return name.ToString().TrimEnd('.');
    }

    public static byte[] QuestionOf(string name, RecordType type) => [.. Name(name), 0, (byte)type, 0, 1];

    public static byte[] Name(string name)
    {
        var bytes = new List<byte>();
        foreach (string label in name.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            bytes.Add((byte)label.Length);
            bytes.AddRange(Encoding.Latin1.GetBytes(label));
        }

        return [.. bytes, 0];
    }

    public StubReply A(string name, int ttl, string address) => Answer(name, RecordType.A, ttl, IPAddress.Parse(address).GetAddressBytes());

    public StubReply Cname(string name, int ttl, string target) => Answer(name, RecordType.Cname, ttl, Name(target));

    public StubReply Mx(string name, int ttl, byte preference, string exchange) => Answer(name, RecordType.Mx, ttl, [0, preference, .. Name(exchange)]);

    public StubReply Answer(string name, RecordType type, int ttl, byte[] data)
    {
        _answers.Add(Record(name, type, 1, ttl, data));
        return this;
    }

    public StubReply Ns(string zone, string server)
    {
        _authorities.Add(Record(zone, RecordType.Ns, 1, 3600, Name(server)));
        return this;
    }

    public StubReply Soa(string zone, int ttl, int minimum)
    {
        byte[] numbers = new byte[20];
        BinaryPrimitives.WriteInt32BigEndian(numbers.AsSpan(16), minimum);
        _authorities.Add(Record(zone, RecordType.Soa, 1, ttl, [.. Name("ns." + zone), .. Name("root." + zone), .. numbers]));
        return this;
    }

    /// <summary>RFC 6891 §6.1.3: the extended code is the first octet of the time to live.</summary>
    public StubReply Opt(byte extendedCode)
    {
        _additionals.Add(Record("", RecordType.Opt, 1232, extendedCode << 24, []));
        return this;
    }

    public byte[] ToBytes()
    {
        byte[] header = new byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(header, (ushort)(BinaryPrimitives.ReadUInt16BigEndian(_query) + WrongId));
        header[2] = (byte)((IsResponse ? 0x80 : 0) | (IsTruncated ? 2 : 0) | 1);
        header[3] = (byte)(0x80 | (IsAuthentic ? 0x20 : 0) | Code);
        header[5] = (byte)(Question.Length > 0 ? 1 : 0);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(6), (ushort)_answers.Count);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(8), (ushort)_authorities.Count);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)_additionals.Count);
        return [.. header, .. Question, .. _answers.Concat(_authorities).Concat(_additionals).SelectMany(static record => record)];
    }

    private static int QuestionEnd(byte[] query)
    {
        int at = 12;
        while (query[at] != 0)
        {
            at += query[at] + 1;
        }

        return at + 5;
    }

    private static byte[] Record(string name, RecordType type, ushort recordClass, int ttl, byte[] data)
    {
        byte[] fixedPart = new byte[10];
        BinaryPrimitives.WriteUInt16BigEndian(fixedPart, (ushort)type);
        BinaryPrimitives.WriteUInt16BigEndian(fixedPart.AsSpan(2), recordClass);
        BinaryPrimitives.WriteInt32BigEndian(fixedPart.AsSpan(4), ttl);
        BinaryPrimitives.WriteUInt16BigEndian(fixedPart.AsSpan(8), (ushort)data.Length);
        return [.. Name(name), .. fixedPart, .. data];
    }
}
