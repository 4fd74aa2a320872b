using MetalMoe.Core;

namespace MetalMoe.Metal;

/// <summary>Metal, or the library that speaks to it, refused something; the text holds what the
/// driver or the compiler said.</summary>
public sealed class MetalException : MetalMoeException
{
    /// <summary>Creates the error with its text.</summary>
    public MetalException(string message)
        : base(message)
    {
    }
}
