using System.Text;

namespace MetalMoe.Metal.Interop;

/// <summary>Turns a status and its text into an exception.</summary>
internal static unsafe class Status
{
    /// <summary>Bytes that a caller puts aside for the text of an error.</summary>
    public const int TextBytes = 8192;

    /// <summary>Throws unless the call succeeded.</summary>
    /// <param name="status">What the function returned.</param>
    /// <param name="action">What was tried: <c>compile linear</c>.</param>
    /// <param name="error">The text it filled in, or null.</param>
    /// <exception cref="MetalException">It did not.</exception>
    public static void Check(MmStatus status, string action, MmError* error = null)
    {
        if (status != MmStatus.Ok)
        {
            throw new MetalException($"[metal] {action}: {Text(status, error)}");
        }
    }

    private static string Text(MmStatus status, MmError* error)
    {
        if (error is not null && error->NeededBytes > 1)
        {
            var bytes = new ReadOnlySpan<byte>(
                error->Text, (int)Math.Min(error->NeededBytes, error->CapacityBytes));
            int end = bytes.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]).TrimEnd();
        }
        return status switch
        {
            MmStatus.InvalidArgument => "an argument is not valid",
            MmStatus.Unsupported => "this device has no such thing",
            MmStatus.NoDevice => "no such device",
            MmStatus.OutOfMemory => "out of device memory",
            MmStatus.NotFound => "no such name",
            MmStatus.CompileFailed => "the source does not compile",
            MmStatus.PipelineFailed => "the pipeline cannot be made",
            MmStatus.ExecutionFailed => "the work ended in an error",
            MmStatus.Timeout => "not finished in time",
            _ => $"status {(int)status}",
        };
    }
}
