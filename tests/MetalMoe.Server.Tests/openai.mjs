// Drives a server with OpenAI's own JavaScript client. Prints one JSON line: what each part saw.
// usage: node openai.mjs BASE_URL KEY MODEL

import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const ask = content => [{ role: "user", content }];
const greedy = { model, temperature: 0 };

async function chat() {
  const answer = await client.chat.completions.create(
    { ...greedy, messages: ask("Who are you?"), max_tokens: 16 });
  return { text: answer.choices[0].message.content, tokens: answer.usage.completion_tokens };
}

async function streaming() {
  const stream = await client.chat.completions.create({
    ...greedy, messages: ask("Tell me a story."), max_tokens: 24, stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let tokens = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { text, tokens };
}

async function tools() {
  const tool = {
    type: "function",
    function: {
      name: "get_weather",
      parameters: {
        type: "object", properties: { city: { enum: ["Rome", "Oslo"] } }, required: ["city"],
      },
    },
  };
  const messages = ask("Weather?");
  const first = await client.chat.completions.create({
    ...greedy, messages, tools: [tool], tool_choice: "required", parallel_tool_calls: false,
    max_tokens: 200,
  });
  const message = first.choices[0].message;
  const call = message.tool_calls[0];
  messages.push(message, { role: "tool", tool_call_id: call.id, content: "sunny" });
  const second = await client.chat.completions.create({ ...greedy, messages, max_tokens: 8 });
  return {
    city: JSON.parse(call.function.arguments).city,
    reason: first.choices[0].finish_reason,
    answered: typeof second.choices[0].message.content === "string",
  };
}

async function schema() {
  const answer = await client.chat.completions.create({
    ...greedy, messages: ask("A number:"), max_tokens: 100,
    response_format: {
      type: "json_schema",
      json_schema: {
        name: "n", strict: true,
        schema: {
          type: "object", properties: { n: { type: "integer", minimum: 3, maximum: 7 } },
          required: ["n"], additionalProperties: false,
        },
      },
    },
  });
  return JSON.parse(answer.choices[0].message.content);
}

async function errors() {
  const seen = {};
  const attempts = {
    temperature: () => client.chat.completions.create(
      { ...greedy, temperature: 7, messages: ask("Hi") }),
    model: () => client.chat.completions.create({ model: "other", messages: ask("Hi") }),
    key: () => new OpenAI({ baseURL, apiKey: "guess", maxRetries: 0 }).models.list(),
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      seen[name] = "no error";
    } catch (error) {
      seen[name] = `${error.constructor.name} ${error.status}`;
    }
  }
  return seen;
}

async function cancellation() {
  const stream = await client.chat.completions.create(
    { ...greedy, messages: ask("Go on"), max_tokens: 900, stream: true });
  let chunks = 0;
  for await (const _ of stream) {
    if (++chunks === 3) {
      stream.controller.abort();
    }
  }
  return { chunks };
}

async function completion() {
  const answer = await client.completions.create(
    { ...greedy, prompt: "Once upon a", max_tokens: 6 });
  return { text: answer.choices[0].text };
}

async function responses() {
  const whole = await client.responses.create(
    { ...greedy, input: "Who are you?", max_output_tokens: 16 });
  const stream = await client.responses.create(
    { ...greedy, input: "Who are you?", max_output_tokens: 16, stream: true });
  let text = "";
  let last = "";
  for await (const event of stream) {
    text += event.type === "response.output_text.delta" ? event.delta : "";
    last = event.type;
  }
  return { whole: whole.output_text, status: whole.status, text, last };
}

const parts = {
  chat, streaming, tools, schema, errors, cancellation, completion, responses,
};
const results = {};
for (const [name, part] of Object.entries(parts)) {
  results[name] = await part();
}
console.log(JSON.stringify(results));
