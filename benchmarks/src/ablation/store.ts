import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";

/** A finished job, as one line of the results file. */
export interface JobResult {
  /** {@link jobKey}; `dense` for the model as it is. */
  readonly key: string;
  readonly perplexity: number;
  /** Matrix-product GFLOPs: of learning the rotations, and of the whole `prune`. */
  readonly rotateGflops: number;
  readonly gflops: number;
  /** Wall time likewise; other jobs ran beside it. */
  readonly rotateSeconds: number;
  readonly seconds: number;
  /** Versions of what computed it. A result counts again only with the same package version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** What the store must know of a result. */
export type StoredResult = Pick<JobResult, "key" | "versions">;

/** Results of finished jobs, one JSON object a line, so that a run cut short loses nothing. */
export class ResultStore<Result extends StoredResult = JobResult> {
  readonly #path: string;
  readonly #results = new Map<string, Result>();

  /** Reads what is there, or with `resume: false` starts anew. A last line cut short by a crash is left out. */
  constructor(path: string, { resume, version }: { readonly resume: boolean; readonly version: string }) {
    this.#path = path;
    if (!existsSync(path)) return;
    if (!resume) {
      rmSync(path);
      return;
    }
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const result = parse<Result>(line);
      if (result?.versions["denoise-rotator"] === version) this.#results.set(result.key, result);
    }
  }

  get(key: string): Result | undefined {
    return this.#results.get(key);
  }

  get all(): readonly Result[] {
    return [...this.#results.values()];
  }

  add(result: Result): void {
    this.#results.set(result.key, result);
    mkdirSync(dirname(this.#path), { recursive: true });
    appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }
}

function parse<Result>(line: string): Result | undefined {
  try {
    return JSON.parse(line) as Result;
  } catch {
    return undefined;
  }
}
