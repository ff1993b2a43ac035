import { CheckpointError } from "./errors.js";
import { limits } from "./limits.js";
import { shorten } from "./names.js";

/**
 * Checks what the library takes on trust in a `tokenizer.json` and would hang or run out of memory by: ids, which it uses as
 * places in arrays, and tokens and patterns that are empty or of no known kind.
 *
 * @throws {CheckpointError} `TOKENIZER` or `LIMIT`, naming file and key.
 */
export function checkTokenizerJson(file: string, json: Readonly<Record<string, unknown>>): void {
  const { model, added_tokens: added = [] } = json;
  if (!isObject(model)) throw wrong(file, "model", "must be an object");
  if (model.vocab !== undefined) checkVocabulary(file, model.vocab);
  if (!Array.isArray(added)) throw wrong(file, "added_tokens", "must be a list");
  for (const token of added as readonly unknown[]) {
    if (!isObject(token) || typeof token.content !== "string" || token.content === "") {
      throw wrong(file, "added_tokens", "must be objects with the text of a token each");
    }
    checkId(file, `the added token "${shorten(token.content)}"`, token.id);
  }
  for (const part of ["normalizer", "pre_tokenizer", "decoder"]) checkPatterns(file, part, json[part], 0);
}

function checkVocabulary(file: string, vocab: unknown): void {
  if (typeof vocab !== "object" || vocab === null)
    throw wrong(file, "model.vocab", "must be an object or a list");
  if (Array.isArray(vocab)) {
    if (vocab.length <= limits.tokens) return;
    throw tooLarge(file, `model.vocab has ${vocab.length} entries`);
  }
  for (const [token, id] of Object.entries(vocab)) checkId(file, `the token "${shorten(token)}"`, id);
}

function checkId(file: string, what: string, id: unknown): void {
  if (!Number.isSafeInteger(id) || (id as number) < 0)
    throw wrong(file, what, "has an id that is no integer from 0 on");
  if ((id as number) >= limits.tokens) throw tooLarge(file, `${what} has the id ${id as number}`);
}

/** Every `pattern` of a part, at any depth, is a string or a regular expression. */
function checkPatterns(file: string, where: string, part: unknown, depth: number): void {
  if (typeof part !== "object" || part === null) return;
  if (depth > limits.tokenizerDepth) throw tooLarge(file, `${where} is nested ${depth} deep`);
  const { type, pattern } = part as { type?: unknown; pattern?: unknown };
  const needed = type === "Split" || type === "Replace";
  if ((needed || pattern !== undefined) && !isPattern(pattern)) {
    throw wrong(file, `a pattern in ${where}`, "must be a String or a Regex");
  }
  for (const value of Object.values(part)) checkPatterns(file, where, value, depth + 1);
}

const isPattern = (value: unknown): boolean =>
  isObject(value) && [value.String, value.Regex].some((text) => typeof text === "string" && text !== "");

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const wrong = (file: string, what: string, why: string) =>
  new CheckpointError("TOKENIZER", `${file}: ${what} ${why}; is it damaged?`);

const tooLarge = (file: string, what: string) =>
  new CheckpointError("LIMIT", `${file}: ${what}, more than any tokenizer needs`);
