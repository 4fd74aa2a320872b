using System.Text;
using NUnit.Framework;

namespace MetalMoe.Server.Tests;

[TestFixture]
public sealed class ErrorTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Hi = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";

    private TestServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await TestServer.StartAsync(
        context: 256, withTools: true, adjust: o => o with { MaxBodyBytes = 64 << 10 });

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [TestCase("", null)]
    [TestCase("null", null)]
    [TestCase("[]", null)]
    [TestCase("{", null)]
    [TestCase("{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]", null)]
    [TestCase("{} {}", null)]
    [TestCase("{}", "messages")]
    [TestCase("{\"messages\":[]}", "messages")]
    [TestCase("{\"messages\":\"Hi\"}", "messages")]
    [TestCase("{\"messages\":[null]}", "messages[0]")]
    [TestCase("{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content")]
    [TestCase("{\"messages\":[{\"role\":\"user\",\"content\":7}]}", "messages[0].content")]
    [TestCase("{\"messages\":[{\"role\":\"king\",\"content\":\"\"}]}", "messages[0].role")]
    [TestCase("{\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]}",
        "messages[0].tool_call_id")]
    [TestCase("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
        + "\"image_url\":{\"url\":\"file:///etc/passwd\"}}]}]}", "messages[0].content")]
    [TestCase("{" + Hi + ",\"max_tokens\":0}", "max_tokens")]
    [TestCase("{" + Hi + ",\"max_tokens\":-1}", "max_tokens")]
    [TestCase("{" + Hi + ",\"max_tokens\":1e99}", "max_tokens")]
    [TestCase("{" + Hi + ",\"max_tokens\":99999999999999999999}", "max_tokens")]
    [TestCase("{" + Hi + ",\"temperature\":3}", "temperature")]
    [TestCase("{" + Hi + ",\"temperature\":1e999}", "temperature")]
    [TestCase("{" + Hi + ",\"temperature\":\"hot\"}", "temperature")]
    [TestCase("{" + Hi + ",\"top_p\":-0.1}", "top_p")]
    [TestCase("{" + Hi + ",\"top_k\":-1}", "top_k")]
    [TestCase("{" + Hi + ",\"n\":2}", "n")]
    [TestCase("{" + Hi + ",\"seed\":1.5}", "seed")]
    [TestCase("{" + Hi + ",\"stop\":[1]}", "stop")]
    [TestCase("{" + Hi + ",\"stop\":\"\"}", "stop")]
    [TestCase("{" + Hi + ",\"stop\":{}}", "stop")]
    [TestCase("{" + Hi + ",\"top_logprobs\":3}", "top_logprobs")]
    [TestCase("{" + Hi + ",\"logprobs\":true,\"top_logprobs\":21}", "top_logprobs")]
    [TestCase("{" + Hi + ",\"logit_bias\":{\"x\":1}}", "logit_bias")]
    [TestCase("{" + Hi + ",\"logit_bias\":{\"999999\":1}}", "logit_bias")]
    [TestCase("{" + Hi + ",\"stream_options\":{}}", "stream_options")]
    [TestCase("{" + Hi + ",\"tools\":[{}]}", "tools[0]")]
    [TestCase("{" + Hi + ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]}",
        "tools[0].function.name")]
    [TestCase("{" + Hi + ",\"tool_choice\":\"required\"}", "tool_choice")]
    [TestCase("{" + Hi + ",\"tool_choice\":\"sometimes\"}", "tool_choice")]
    [TestCase("{" + Hi + ",\"tool_choice\":\"\\ud800\"}", "tool_choice")]
    [TestCase("{" + Hi + ",\"stop\":\"\\udc00\"}", "stop")]
    [TestCase("{" + Hi + ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
        + "{\"schema\":{\"\\ud800\":[1]}}}}", "response_format.json_schema.schema")]
    [TestCase("{" + Hi + ",\"functions\":[]}", "functions")]
    [TestCase("{" + Hi + ",\"reasoning_effort\":\"huge\"}", "reasoning_effort")]
    [TestCase("{" + Hi + ",\"response_format\":{\"type\":\"xml\"}}", "response_format.type")]
    [TestCase("{" + Hi + ",\"response_format\":{\"type\":\"json_schema\"}}",
        "response_format.json_schema")]
    [TestCase("{" + Hi + "," + Hi + "}", "messages")]
    public async Task A_wrong_chat_request_is_refused_and_the_field_named(
        string body, string? param)
    {
        var answer = await _server.PostAsync(Chat, body);

        Assert.That(answer.Error.Status, Is.EqualTo(400), answer.Body);
        Assert.That(answer.Error.Param, Is.EqualTo(param), answer.Body);
        Assert.That(answer.Text("error", "type"), Is.EqualTo("invalid_request_error"));
        Assert.That(answer.Error.Message, Does.Not.Contain("\n"));
    }

    [TestCase("/v1/completions", "{}", "prompt")]
    [TestCase("/v1/completions", "{\"prompt\":[\"a\",\"b\"]}", "prompt")]
    [TestCase("/v1/completions", "{\"prompt\":[1,-1]}", "prompt")]
    [TestCase("/v1/completions", "{\"prompt\":[1,99999999]}", "prompt")]
    [TestCase("/v1/completions", "{\"prompt\":\"\"}", "prompt")]
    [TestCase("/v1/completions", "{\"prompt\":\"a\",\"echo\":true}", "echo")]
    [TestCase("/v1/completions", "{\"prompt\":\"a\",\"best_of\":4}", "best_of")]
    [TestCase("/v1/completions", "{\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix")]
    [TestCase("/v1/responses", "{}", "input")]
    [TestCase("/v1/responses", "{\"input\":[]}", "input")]
    [TestCase("/v1/responses", "{\"input\":[1]}", "input[0]")]
    [TestCase("/v1/responses", "{\"input\":[{\"type\":\"magic\"}]}", "input[0]")]
    [TestCase("/v1/responses", "{\"input\":[{\"role\":\"user\",\"content\":3}]}",
        "input[0].content")]
    [TestCase("/v1/responses", "{\"input\":\"a\",\"previous_response_id\":\"resp_1\"}",
        "previous_response_id")]
    [TestCase("/tokenize", "{}", "content")]
    public async Task So_is_a_wrong_request_of_another_interface(
        string path, string body, string param)
    {
        var answer = await _server.PostAsync(path, body);

        Assert.That((answer.Error.Status, answer.Error.Param), Is.EqualTo((400, param)),
            answer.Body);
    }

    [TestCase("GET", "/v2/models", 404)]
    [TestCase("GET", "/../../etc/passwd", 404)]
    [TestCase("GET", "/v1/models/other", 404)]
    [TestCase("GET", "/v1/chat/completions", 405)]
    [TestCase("DELETE", "/v1/models", 405)]
    public async Task A_wrong_address_or_method_is_an_error_of_OpenAIs_form(
        string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _server.Http.SendAsync(request);
        var answer = await TestAnswer.ReadAsync(response);

        Assert.That(answer.Error.Status, Is.EqualTo(status));
    }

    [Test]
    public async Task A_model_that_is_not_served_is_not_found()
    {
        var answer = await _server.PostAsync(Chat, "{\"model\":\"gpt-9\"," + Hi + "}");

        Assert.That(answer.Error.Code, Is.EqualTo("model_not_found"));
        Assert.That(answer.Error.Status, Is.EqualTo(404));
    }

    [Test]
    public async Task A_prompt_that_does_not_fit_is_refused_with_its_length()
    {
        var answer = await _server.PostAsync(
            Chat, TestServer.Question(string.Concat(Enumerable.Repeat("word ", 400)), 4));

        Assert.That(answer.Error.Code, Is.EqualTo("context_length_exceeded"));
        Assert.That(answer.Error.Status, Is.EqualTo(400));
    }

    [Test]
    public async Task A_body_over_the_limit_is_refused()
    {
        var answer = await _server.PostAsync(
            Chat, TestServer.Question(new string('x', 70_000), 4));

        Assert.That(answer.Error.Status, Is.EqualTo(413));
    }

    [TestCase("text/plain")]
    [TestCase("application/x-www-form-urlencoded")]
    public async Task Only_JSON_is_read(string type)
    {
        using var content = new StringContent("{" + Hi + "}", Encoding.UTF8, type);
        using var response = await _server.Http.PostAsync(Chat, content);
        var answer = await TestAnswer.ReadAsync(response);

        Assert.That(answer.Error.Status, Is.EqualTo(415));
    }

    [TestCase("{\"type\":\"object\",\"unevaluatedProperties\":{}}")]
    [TestCase("{\"type\":\"string\",\"pattern\":\"(a*)*(b|\"}")]
    [TestCase("{\"$ref\":\"http://example.com/schema\"}")]
    [TestCase("{\"type\":\"array\",\"minItems\":100000000}")]
    public async Task A_schema_that_is_not_supported_is_refused(string schema)
    {
        var answer = await _server.PostAsync(Chat, "{" + Hi + ",\"max_tokens\":4,"
            + "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":"
            + schema + "}}}");

        Assert.That(answer.Error.Status, Is.EqualTo(400), answer.Body);
    }

    [Test]
    public async Task The_error_of_a_stream_that_never_began_has_its_status()
    {
        var answer = await _server.PostAsync(
            Chat, TestServer.Question(string.Concat(Enumerable.Repeat("word ", 400)), 4, true));

        Assert.That(answer.Error.Status, Is.EqualTo(400));
    }
}
