namespace MetalMoe.Core.Tensors;

/// <summary>A valid file whose keys or tensors do not make a model this library can run.</summary>
public sealed class ModelException : MetalMoeException
{
    /// <summary>Creates the error with its one-line message.</summary>
    public ModelException(string message)
        : base(message)
    {
    }
}
