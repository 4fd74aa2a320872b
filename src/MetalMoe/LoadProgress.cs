namespace MetalMoe;

/// <summary>What a load is at.</summary>
public enum LoadStage
{
    /// <summary>The file is mapped and its header checked.</summary>
    Mapping,

    /// <summary>Weights are bound and the plan is built.</summary>
    Planning,

    /// <summary>The vocabulary is read.</summary>
    Vocabulary,

    /// <summary>The plan is lowered and cache, state and scratch memory are allocated.</summary>
    Allocating,

    /// <summary>The model is ready.</summary>
    Ready,
}

/// <summary>One report of a load.</summary>
/// <param name="Stage">The stage that begins.</param>
/// <param name="Fraction">How much of the load is behind it, 0 to 1.</param>
public readonly record struct LoadProgress(LoadStage Stage, double Fraction);
