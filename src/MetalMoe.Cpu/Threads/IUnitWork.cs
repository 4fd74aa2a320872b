namespace MetalMoe.Cpu.Threads;

/// <summary>
/// Work cut into independent units. A unit writes only what no other unit touches, so results
/// do not depend on how many threads run or which of them takes which unit.
/// </summary>
internal interface IUnitWork
{
    /// <summary>Runs one unit; <paramref name="worker"/> picks the thread's scratch memory.
    /// </summary>
    void Run(int unit, int worker);
}
