using MetalMoe.Core.Runtime.Sampling;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Engine;

/// <summary>Where one answer stands in its grammar.</summary>
internal sealed class GrammarMask(TokenMaskAutomaton automaton) : ITokenMask
{
    private GrammarState _state = automaton.Start();

    public ReadOnlySpan<ulong> Allowed => automaton.AllowedTokens(_state);

    public void Accept(int token) => _state = automaton.Advance(_state, token);
}
