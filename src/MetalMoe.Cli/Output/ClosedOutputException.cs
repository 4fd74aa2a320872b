namespace MetalMoe.Cli.Output;

/// <summary>Nobody reads standard output any more.</summary>
internal sealed class ClosedOutputException(Exception cause) : Exception("closed", cause);
