namespace MetalMoe.CApi;

/// <summary>A call that cannot be served, with the status its caller gets.</summary>
internal sealed class CallException(Status status, string message) : Exception(message)
{
    public Status Status => status;

    public static CallException Null(string function, string parameter) => new(
        Status.InvalidArgument, $"[{function}] {parameter}: expected a value, got NULL");
}
