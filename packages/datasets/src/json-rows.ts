import { DatasetError } from "./errors.js";
import { limits } from "./limits.js";
import { type Line, linesOf } from "./lines.js";
import type { Row } from "./row.js";
import { textChunks } from "./text-chunks.js";

/** Rows of a JSON file: an object a line, or one list of objects, whichever it begins as. */
export async function* jsonRows(path: string): AsyncGenerator<{ row: Row; where: string }> {
  const chunks = textChunks(path);
  const start = await beginning(chunks);
  if (start.trimStart().startsWith("[")) {
    for (const [index, value] of (await list(path, start, chunks)).entries()) {
      const where = `${path}, row ${index}`;
      yield { row: asRow(value, where), where };
    }
    return;
  }
  for await (const { text, number } of linesOf(path, prepended(start, chunks))) {
    if (text.trim() === "") continue;
    const where = `${path}, line ${number}`;
    yield { row: asRow(parse(text, where), where), where };
  }
}

/** Rows of a text file: a line each, in the column `text`. */
export async function* textRows(path: string): AsyncGenerator<{ row: Row; where: string }> {
  const lines: AsyncIterable<Line> = linesOf(path, textChunks(path));
  for await (const { text, number } of lines) yield { row: { text }, where: `${path}, line ${number}` };
}

/** As many pieces as it takes to see something. */
async function beginning(chunks: AsyncGenerator<string>): Promise<string> {
  let start = "";
  while (start.trim() === "") {
    const { done, value } = await chunks.next();
    if (done) break;
    start += value;
  }
  return start;
}

async function* prepended(start: string, chunks: AsyncGenerator<string>): AsyncGenerator<string> {
  yield start;
  yield* chunks;
}

async function list(path: string, start: string, chunks: AsyncGenerator<string>): Promise<unknown[]> {
  const pieces = [start];
  let length = start.length;
  for await (const chunk of chunks) {
    pieces.push(chunk);
    length += chunk.length;
    if (length > limits.jsonLength) {
      throw new DatasetError(
        "LIMIT",
        `${path}: a list of more than ${limits.jsonLength} characters; one object a line (.jsonl) can be of any length`,
      );
    }
  }
  return parse(pieces.join(""), path) as unknown[];
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DatasetError("MALFORMED", `${where}: is no JSON (${(cause as Error).message})`, { cause });
  }
}

function asRow(value: unknown, where: string): Row {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row;
  throw new DatasetError("MALFORMED", `${where}: is no object of columns`);
}
