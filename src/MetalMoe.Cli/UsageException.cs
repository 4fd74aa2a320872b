namespace MetalMoe.Cli;

/// <summary>The command line itself is wrong: exit code 2. One line that says how to repair it.
/// </summary>
internal sealed class UsageException(string message) : Exception(message);
