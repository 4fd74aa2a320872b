// Renders templates with @huggingface/jinja. One JSON document comes on stdin and one goes out:
// { templates: [text], variables: [object], cases: [[template, variables]] } becomes an array of
// { text } or { error } in the order of the cases. The argument is the node_modules folder.
// The clock stands at 2024-07-03 14:05:09.
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const SystemDate = Date;
globalThis.Date = class extends SystemDate {
  constructor(...parts) {
    super(...(parts.length > 0 ? parts : [2024, 6, 3, 14, 5, 9]));
  }
};

const library = join(process.argv[2], "@huggingface", "jinja", "dist", "index.js");
const { Template } = await import(pathToFileURL(library).href);
const { templates, variables, cases } = JSON.parse(readFileSync(0, "utf8"));

const attempt = (action) => {
  try {
    return { value: action() };
  } catch (error) {
    return { error: String(error?.message ?? error) };
  }
};
const parsed = templates.map((text) => attempt(() => new Template(text)));
const results = cases.map(([template, index]) => {
  const { value, error } = parsed[template];
  if (error !== undefined) {
    return { error };
  }
  const result = attempt(() => value.render(variables[index]));
  return result.error !== undefined ? { error: result.error } : { text: result.value };
});
process.stdout.write(JSON.stringify(results));
