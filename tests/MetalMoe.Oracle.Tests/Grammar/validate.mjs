// Judges texts with ajv. Reads {"schemas": [...], "cases": [[schema index, text], ...]} from
// standard input, writes an array: null where the text is valid, else why not. Status 3 when ajv
// is not installed.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "anchor.js"));
let Ajv, addFormats;
try {
  Ajv = require("ajv/dist/2020").default;
  addFormats = require("ajv-formats").default;
} catch {
  process.exit(3);
}
const job = JSON.parse(readFileSync(0, "utf8"));
const ajv = new Ajv({ strict: false });
addFormats(ajv);
const validators = job.schemas.map((schema) => ajv.compile(schema));
const verdicts = job.cases.map(([index, text]) => {
  try {
    const validate = validators[index];
    return validate(JSON.parse(text)) ? null : ajv.errorsText(validate.errors);
  } catch (error) {
    return String(error);
  }
});
process.stdout.write(JSON.stringify(verdicts));
