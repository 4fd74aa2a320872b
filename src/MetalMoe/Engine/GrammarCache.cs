using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using MetalMoe.Core.Text;
using MetalMoe.Core.Text.Grammar;

namespace MetalMoe.Engine;

/// <summary>Grammars joined with the vocabulary of one model. What is computed for a grammar
/// lives as long as the grammar itself, so requests that share one share its masks. Thread-safe.
/// </summary>
internal sealed class GrammarCache(Vocabulary vocabulary, int vocabularySize)
{
    private readonly Lazy<GrammarVocabulary> _vocabulary =
        new(() => GrammarVocabulary.From(vocabulary, vocabularySize));

    private readonly ConditionalWeakTable<
        TextGrammar, ConcurrentDictionary<string, TokenMaskAutomaton>> _automata = [];

    /// <summary>The mask of a new answer.</summary>
    /// <exception cref="GrammarException">The vocabulary cannot spell the grammar.</exception>
    public GrammarMask CreateMask(TextGrammar grammar, string? after)
    {
        var automata = _automata.GetValue(grammar, _ => new(StringComparer.Ordinal));
        return new GrammarMask(automata.GetOrAdd(after ?? "", text => new TokenMaskAutomaton(
            grammar, _vocabulary.Value,
            text.Length == 0 ? null : GrammarTrigger.After(text, vocabulary))));
    }
}
