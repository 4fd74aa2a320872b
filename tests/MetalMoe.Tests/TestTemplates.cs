namespace MetalMoe.Tests;

/// <summary>Chat templates for tests: the bundled model's own knows no tools.</summary>
internal static class TestTemplates
{
    /// <summary>ChatML with tools, calls and results, shaped like those of Qwen's models.
    /// </summary>
    public const string Tools = """
        {%- if tools %}
        {{- '<|im_start|>system\n' }}
        {%- if messages[0].role == 'system' %}{{- messages[0].content + '\n' }}{% endif %}
        {{- '# Tools\n' }}
        {%- for tool in tools %}{{- tool | tojson + '\n' }}{% endfor %}
        {{- '<|im_end|>\n' }}
        {%- elif messages[0].role == 'system' %}
        {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
        {%- endif %}
        {%- for message in messages %}
        {%- if message.role == 'user' %}
        {{- '<|im_start|>user\n' + message.content + '<|im_end|>\n' }}
        {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- if message.reasoning_content %}
        {{- '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}
        {%- endif %}
        {{- message.content }}
        {%- for call in message.tool_calls or [] %}
        {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
        {{- (call.function.arguments | tojson) + '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
        {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content }}
        {{- '\n</tool_response><|im_end|>\n' }}
        {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
        {{- '<|im_start|>assistant\n' }}
        {%- if enable_thinking %}{{- '<think>\n' }}{% else %}{{- '<think>\n\n</think>\n\n' }}
        {%- endif %}
        {%- endif %}
        """;
}
