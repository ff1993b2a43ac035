import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Row, type Task, TaskError } from "@denoise-rotator/evaluators";

/**
 * The rows of a split from a folder: `<folder>/<task>/<split>.jsonl`, an object a line, or `.json`, a list of objects.
 *
 * @throws TaskError naming file and line, or saying what the folder holds instead.
 */
export async function* localRows(folder: string, task: Task, split: string): AsyncGenerator<Row> {
  const file = await fileOf(folder, task.name, split);
  const rows = file.endsWith(".jsonl") ? linesOf(file) : listOf(file);
  for await (const { value, where } of rows) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new TaskError(`${where}: is no object of columns`);
    }
    yield value as Row;
  }
}

async function fileOf(folder: string, task: string, split: string): Promise<string> {
  const directory = join(folder, task);
  for (const ending of ["jsonl", "json"]) {
    const file = join(directory, `${split}.${ending}`);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  const there = (await readdir(directory).catch(() => undefined))?.sort();
  const found = there ? `${directory} holds ${there.join(", ") || "nothing"}` : `there is no ${directory}`;
  throw new TaskError(`task ${task}: needs ${join(directory, `${split}.jsonl`)} (or .json); ${found}`);
}

async function* linesOf(file: string) {
  let number = 0;
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    number++;
    if (line.trim() === "") continue;
    const where = `${file}, line ${number}`;
    yield { value: parse(line, where), where };
  }
}

async function* listOf(file: string) {
  const list = parse(await readFile(file, "utf8"), file);
  if (!Array.isArray(list))
    throw new TaskError(`${file}: is no list of objects; one object a line is .jsonl`);
  for (const [index, value] of list.entries())
    yield { value: value as unknown, where: `${file}, row ${index}` };
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TaskError(`${where}: is no JSON (${(error as Error).message})`, { cause: error });
  }
}
