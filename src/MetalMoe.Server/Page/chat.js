"use strict";

// A chat with the server this page came from. The conversation lives in this tab
// (sessionStorage) and nowhere else; everything shown is set as text, never as markup.

const $ = id => document.getElementById(id);
const STORE = "metalmoe.chat";
const KEY = "metalmoe.key";

let messages = load();
let running = null;

function load() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function save() {
  sessionStorage.setItem(STORE, JSON.stringify(messages));
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

// A message on the page; an answer has its thoughts folded above its text.
function show(message) {
  const article = element("article", `message ${message.role}`);
  const thoughts = element("details", "");
  const thoughtText = element("div", "thoughts", message.reasoning_content ?? "");
  thoughts.append(element("summary", "", "Thoughts"), thoughtText);
  thoughts.hidden = !message.reasoning_content;
  const text = element("div", "text", message.content);
  article.append(thoughts, text);
  $("messages").append(article);
  scrollDown(true);
  return { article, thoughts, thoughtText, text };
}

// Follows the text unless the reader has scrolled up.
function scrollDown(always) {
  const list = $("messages");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  if (always || isAtEnd) {
    list.scrollTop = list.scrollHeight;
  }
}

function headers() {
  const key = sessionStorage.getItem(KEY);
  const all = { "Content-Type": "application/json" };
  return key ? { ...all, "Authorization": `Bearer ${key}` } : all;
}

// The server wants a key: asks for it once more; false when the dialog was dismissed.
async function askForKey() {
  const dialog = $("key-dialog");
  dialog.showModal();
  await new Promise(resolve => dialog.addEventListener("close", resolve, { once: true }));
  const key = $("key").value.trim();
  $("key").value = "";
  if (key) {
    sessionStorage.setItem(KEY, key);
  }
  return key !== "";
}

async function call(path, options) {
  const response = await fetch(path, { ...options, headers: headers() });
  return response.status === 401 && await askForKey() ? call(path, options) : response;
}

async function failure(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `status ${response.status}`;
  }
}

// The events of a stream, parsed.
async function* events(response) {
  const decoder = new TextDecoderStream();
  const reader = response.body.pipeThrough(decoder).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data: ") && line !== "data: [DONE]") {
        yield JSON.parse(line.slice(6));
      }
    }
  }
}

async function answer(question) {
  const conversation = messages;
  const view = show({ role: "assistant", content: "" });
  const message = { role: "assistant", content: "", reasoning_content: "" };
  running = new AbortController();
  setRunning(true);
  let firstAt = 0;
  let pieces = 0;
  let isCut = false;
  try {
    const response = await call("/v1/chat/completions", {
      method: "POST",
      signal: running.signal,
      body: JSON.stringify({
        messages: messages.map(({ role, content }) => ({ role, content })),
        stream: true,
        stream_options: { include_usage: true },
        chat_template_kwargs: { enable_thinking: $("think").checked },
      }),
    });
    if (!response.ok) {
      throw new Error(await failure(response));
    }
    for await (const event of events(response)) {
      if (event.error) {
        throw new Error(event.error.message);
      }
      const delta = event.choices[0]?.delta ?? {};
      if (delta.content || delta.reasoning_content) {
        firstAt ||= performance.now();
        pieces++;
        add(view, message, delta);
      }
      showSpeed(firstAt, event.usage?.completion_tokens ?? pieces, Boolean(event.usage));
    }
  } catch (error) {
    isCut = true;
    if (error.name !== "AbortError") {
      view.article.append(element("div", "error", error.message));
    }
  }
  running = null;
  setRunning(false);
  if (conversation === messages) {
    finish(question, view, message, isCut);
  }
}

function add(view, message, delta) {
  message.reasoning_content += delta.reasoning_content ?? "";
  message.content += delta.content ?? "";
  if (delta.reasoning_content) {
    view.thoughts.hidden = false;
    view.thoughtText.append(delta.reasoning_content);
  }
  if (delta.content) {
    view.text.append(delta.content);
  }
  scrollDown(false);
}

// A stopped answer is kept as far as it came; a question that got none is taken back.
function finish(question, view, message, isCut) {
  if (!isCut || message.content || message.reasoning_content) {
    messages.push(message);
  } else {
    $("input").value ||= messages.pop().content;
    question.article.remove();
    if (!view.article.querySelector(".error")) {
      view.article.remove();
    }
  }
  save();
  $("input").focus();
}

function showSpeed(firstAt, tokens, isDone) {
  const seconds = Math.max(0.001, (performance.now() - firstAt) / 1000);
  // The first moments tell little, unless there is nothing else.
  if (firstAt && tokens > 1 && (isDone || seconds > 0.05)) {
    $("speed").textContent =
      `${((tokens - 1) / seconds).toFixed(1)} tokens/s${isDone ? `, ${tokens} tokens` : ""}`;
  }
}

function setRunning(isRunning) {
  $("send").hidden = isRunning;
  $("stop").hidden = !isRunning;
  $("messages").setAttribute("aria-busy", String(isRunning));
}

function submit() {
  const content = $("input").value.trim();
  if (running || !content) {
    return;
  }
  $("input").value = "";
  fit();
  messages.push({ role: "user", content });
  save();
  answer(show(messages.at(-1)));
}

function stop() {
  running?.abort();
}

function clear() {
  stop();
  messages = [];
  save();
  $("messages").replaceChildren();
  $("speed").textContent = "";
  $("input").focus();
}

// The box grows with its text.
function fit() {
  $("input").style.height = "auto";
  $("input").style.height = `${$("input").scrollHeight}px`;
}

$("form").addEventListener("submit", event => {
  event.preventDefault();
  submit();
});
$("input").addEventListener("input", fit);
$("input").addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
$("stop").addEventListener("click", stop);
$("clear").addEventListener("click", clear);
document.addEventListener("keydown", event => {
  if (event.key === "Escape") {
    stop();
  } else if (event.altKey && event.key.toLowerCase() === "n") {
    event.preventDefault();
    clear();
  }
});

// After a refresh the conversation is still there; a question that was cut off waits again.
if (messages.at(-1)?.role === "user") {
  $("input").value = messages.pop().content;
  save();
}
messages.forEach(show);
call("/v1/models", {})
  .then(async response => {
    $("model").textContent = response.ok
      ? (await response.json()).data[0].id : await failure(response);
  })
  .catch(error => { $("model").textContent = error.message; });
