// Evaluates expressions with GitHub's own engine: one request a line in, one answer a line out, both JSON.
//   {kind: "text" | "value" | "condition", source, contexts, status, workspace}  ->  {value} or {error}
// `text` replaces each ${{ }} in a text; `value` is one expression as data; `condition` is an `if:`.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Evaluator, Lexer, Parser, data } from "@actions/expressions";
import { truthy } from "@actions/expressions/result";

const EMBEDDED = /\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}/g;
const STATUS = ["success", "failure", "cancelled", "always"];

function evaluate(source, request) {
  const functions = functionsOf(request);
  const names = Object.keys(request.contexts);
  const tokens = new Lexer(source).lex().tokens;
  const tree = new Parser(tokens, names, [...functions.values()]).parse();
  const contexts = JSON.parse(JSON.stringify(request.contexts), data.reviver);
  return { tokens, result: new Evaluator(tree, contexts, functions).evaluate() };
}

// The functions that GitHub offers beside the built-in ones: the state of the run in an `if:`, files where there are any.
function functionsOf({ status, workspace }) {
  const offered = [];
  if (status) {
    for (const name of STATUS) {
      const value = name === "always" || Boolean(status[name]);
      offered.push({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) });
    }
  }
  if (workspace) {
    const call = (...patterns) => new data.StringData(hashFiles(workspace, patterns.map((each) => each.coerceString())));
    offered.push({ name: "hashFiles", minArgs: 1, maxArgs: 255, call });
  }
  return new Map(offered.map((each) => [each.name.toLowerCase(), each]));
}

// As GitHub does it: the digest of the digests of all files that match, the empty text where none does.
function hashFiles(workspace, patterns) {
  if (patterns.some((pattern) => /[![\]{}]/.test(pattern))) throw new Error(`hashFiles(${patterns}) needs patterns that the harness lacks`);
  const wanted = patterns.map((pattern) => new RegExp(`^${pattern
    .replace(/[.+^$()|\\]/g, "\\$&")
    .replace(/\*\*\/|\*\*|\*|\?/g, (found) => ({ "**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]" })[found])}$`));
  const found = files(workspace, "").filter((path) => wanted.some((pattern) => pattern.test(path))).sort();
  if (found.length === 0) return "";
  const digest = createHash("sha256");
  for (const path of found) digest.update(createHash("sha256").update(readFileSync(join(workspace, path))).digest());
  return digest.digest("hex");
}

function files(workspace, folder) {
  return readdirSync(join(workspace, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return [".git", ".venv"].includes(path) ? [] : files(workspace, path);
    return entry.isFile() ? [path] : [];
  });
}

// An `if:` that asks for no state of the run is taken as `success() && (...)`.
function condition(request) {
  const whole = /^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(request.source);
  const source = whole ? whole[1] : request.source;
  if (source.includes("${{")) throw new Error(`if: ${request.source} mixes text and expressions, which is always true`);
  const { tokens, result } = evaluate(source, request);
  const asks = tokens.some((token, at) => STATUS.includes(token.lexeme.toLowerCase()) && tokens[at + 1]?.lexeme === "(");
  return truthy(result) && (asks || Boolean(request.status.success));
}

function answer(request) {
  if (request.kind === "condition") return condition(request);
  if (request.kind === "value") {
    return JSON.parse(JSON.stringify(evaluate(/^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(request.source)[1], request).result, data.replacer));
  }
  return request.source.replace(EMBEDDED, (_, source) => evaluate(source, request).result.coerceString());
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { value: answer(JSON.parse(line)) };
  } catch (error) {
    reply = { error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
