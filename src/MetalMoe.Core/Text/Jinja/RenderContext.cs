using System.Runtime.CompilerServices;
using System.Text;

namespace MetalMoe.Core.Text.Jinja;

/// <summary>
/// The state of one rendering: what it may still spend, where it is in the source, and the text
/// written so far. Not shared between threads.
/// </summary>
internal sealed class RenderContext
{
    private readonly SourceText _source;
    private readonly CancellationToken _cancellation;
    private long _steps;
    private long _allocated;
    private int _depth;
    private int _outputLength;

    public RenderContext(
        SourceText source, JinjaLimits limits, TimeProvider clock, CancellationToken cancellation)
    {
        _source = source;
        _cancellation = cancellation;
        Limits = limits;
        Clock = clock;
    }

    public JinjaLimits Limits { get; }

    public TimeProvider Clock { get; }

    /// <summary>Where output goes; macros and block assignments swap it for their own.</summary>
    public StringBuilder Output { get; set; } = new();

    /// <summary>Source offset of the construct being executed, for error messages.</summary>
    public int Offset { get; set; }

    /// <summary>Counts one step.</summary>
    public void Step()
    {
        if (++_steps > Limits.MaxSteps)
        {
            throw StepLimit();
        }
        if ((_steps & 0xfff) == 0)
        {
            _cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Counts work that is proportional to the data, before it is done.</summary>
    public void Work(long steps)
    {
        _steps += steps;
        if (_steps > Limits.MaxSteps)
        {
            throw StepLimit();
        }
        if (steps > 0xfff)
        {
            _cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Counts the reading of characters.</summary>
    public void Scan(int characters) => Work(characters >> 5);

    /// <summary>Counts characters about to be made; a string may never exceed the output.</summary>
    public void AllocateText(long characters)
    {
        if (characters > Limits.MaxOutputLength)
        {
            throw Limit($"a string of more than {Limits.MaxOutputLength} characters");
        }
        Allocate(24 + 2 * characters);
        Work(characters >> 5);
    }

    /// <summary>Counts list or dict elements about to be made.</summary>
    public void AllocateItems(long count)
    {
        Allocate(64 + 64 * count);
        Work(count);
    }

    private void Allocate(long bytes)
    {
        _allocated += bytes;
        if (_allocated > Limits.MaxAllocatedBytes)
        {
            throw Limit($"more than {Limits.MaxAllocatedBytes} bytes allocated");
        }
    }

    /// <summary>Enters a nested call, block or expression.</summary>
    public void Enter()
    {
        if (++_depth > Limits.MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw Limit($"nesting deeper than {Limits.MaxDepth} levels");
        }
    }

    /// <summary>Leaves what <see cref="Enter"/> entered.</summary>
    public void Leave() => _depth--;

    /// <summary>Appends rendered text.</summary>
    public void Write(string text)
    {
        _outputLength += text.Length;
        if (_outputLength > Limits.MaxOutputLength)
        {
            throw Limit($"more than {Limits.MaxOutputLength} characters of output");
        }
        Output.Append(text);
    }

    /// <summary>Renders into a string of its own.</summary>
    public string Capture(Action body)
    {
        var outer = Output;
        int length = _outputLength;
        Output = new StringBuilder();
        try
        {
            body();
            AllocateText(Output.Length);
            return Output.ToString();
        }
        finally
        {
            Output = outer;
            _outputLength = length;
        }
    }

    public StringValue Text(string text)
    {
        AllocateText(text.Length);
        return new StringValue(text);
    }

    public ListValue List(IReadOnlyList<JinjaValue> items, bool isTuple = false)
    {
        AllocateItems(items.Count);
        return Checked(new ListValue(items, isTuple));
    }

    public DictValue Dict(DictBuilder builder)
    {
        var dict = builder.Build();
        AllocateItems(dict.Length);
        return Checked(dict);
    }

    /// <summary>Refuses data nested so deeply that walking it would be unsafe.</summary>
    public T Checked<T>(T value)
        where T : JinjaValue
    {
        if (value.Depth > Limits.MaxDepth)
        {
            throw Limit($"data nested deeper than {Limits.MaxDepth} levels");
        }
        return value;
    }

    public JinjaException Error(string problem) =>
        _source.Error(JinjaErrorKind.Runtime, Offset, problem);

    public JinjaException Raised(string problem) =>
        _source.Error(JinjaErrorKind.Raised, Offset, problem);

    public JinjaException Limit(string what) =>
        _source.Error(JinjaErrorKind.Limit, Offset, $"limit reached: {what}");

    private JinjaException StepLimit() => Limit($"more than {Limits.MaxSteps} steps");
}
