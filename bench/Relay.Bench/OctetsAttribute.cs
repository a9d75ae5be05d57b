namespace Relay.Bench;

/// <summary>How many octets one operation of each benchmark of a class works through; <see cref="SpeedColumn"/> makes a speed of it.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class OctetsAttribute(long count) : Attribute
{
    public long Count => count;
}
