namespace MetalMoe.Core;

/// <summary>
/// Base of every error that a user can cause: a bad file, an impossible option, a wrong shape.
/// The message is one line that names the file, the key or tensor, what was expected and what
/// was found.
/// </summary>
public class MetalMoeException : Exception
{
    /// <summary>Creates the error with its one-line message.</summary>
    public MetalMoeException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error with its one-line message and the cause.</summary>
    public MetalMoeException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
