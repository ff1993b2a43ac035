import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Work } from "./contender.js";
import { reference } from "./contenders/index.js";
import type { Reply, Request } from "./worker.js";

export interface Row {
  readonly work: string;
  readonly contender: string;
  readonly threads: number;
  /** Milliseconds for the work once. */
  readonly median: number;
  readonly unit: "ms";
  /** This contender's median over our default's: above 1 it is slower. */
  readonly ratio: number;
}

export interface Outcome {
  readonly rows: readonly Row[];
  readonly versions: Readonly<Record<string, string>>;
}

/** Shortest stretch of time that is measured as one sample. */
const sampleMilliseconds = 60;

class Process {
  readonly name: string;
  readonly #child: ChildProcess;
  threads = 1;
  versions: Readonly<Record<string, string>> = {};

  constructor(name: string) {
    this.name = name;
    this.#child = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), [name]);
  }

  async start(): Promise<void> {
    const ready = await this.#reply("ready");
    this.threads = ready.threads;
    this.versions = ready.versions;
  }

  prepare(work: Work) {
    return this.#ask({ type: "prepare", work }, "prepared");
  }

  async measure(runs: number): Promise<number> {
    return (await this.#ask({ type: "measure", runs }, "measured")).milliseconds;
  }

  stop(): void {
    this.#child.kill();
  }

  #ask<T extends Reply["type"]>(request: Request, type: T) {
    const answer = this.#reply(type);
    this.#child.send(request);
    return answer;
  }

  #reply<T extends Reply["type"]>(type: T): Promise<Extract<Reply, { type: T }>> {
    return new Promise((resolve, reject) => {
      const exited = (code: number | null) =>
        reject(new Error(`${this.name} ended with ${code} before ${type}`));
      this.#child.once("exit", exited);
      this.#child.once("message", (message: Reply) => {
        this.#child.off("exit", exited);
        resolve(message as Extract<Reply, { type: T }>);
      });
    });
  }
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/**
 * Measures every work with every contender: each in a fresh process, taking turns sample by sample, in reversed order
 * every other round, so that drifts of the machine hit all alike.
 */
export async function measure(
  works: readonly Work[],
  names: readonly string[],
  rounds: number,
  progress: (line: string) => void,
): Promise<Outcome> {
  const rows: Row[] = [];
  const versions: Record<string, string> = {};
  for (const work of works) {
    const processes = names.map((name) => new Process(name));
    try {
      const samples = new Map(processes.map((each) => [each, [] as number[]]));
      const runs = new Map<Process, number>();
      const results: (readonly number[])[] = [];
      for (const each of processes) {
        await each.start();
        Object.assign(versions, each.versions);
        const { milliseconds, sample } = await each.prepare(work);
        runs.set(each, Math.max(1, Math.ceil(sampleMilliseconds / milliseconds)));
        results.push(sample);
      }
      assertAgreement(work, names, results);
      for (let round = 0; round < rounds; round++) {
        progress(`${work.name}: round ${round + 1} of ${rounds}`);
        for (const each of round % 2 ? [...processes].reverse() : processes) {
          samples.get(each)!.push(await each.measure(runs.get(each)!));
        }
      }
      const medians = processes.map((each) => median(samples.get(each)!));
      const base = medians[names.indexOf(reference)]!;
      processes.forEach(({ name, threads }, i) => {
        const value = medians[i]!;
        rows.push({
          work: work.name,
          contender: name,
          threads,
          median: value,
          unit: "ms",
          ratio: value / base,
        });
      });
    } finally {
      for (const each of processes) each.stop();
    }
  }
  return { rows, versions };
}

/** A contender that computes something else is no contender. */
function assertAgreement(
  work: Work,
  names: readonly string[],
  results: readonly (readonly number[])[],
): void {
  const [first] = results;
  for (const [i, result] of results.entries()) {
    result.forEach((value, at) => {
      if (!(Math.abs(value - first![at]!) <= 1e-3)) {
        throw new Error(`${work.name}: ${names[i]} gives ${value} where ${names[0]} gives ${first![at]}`);
      }
    });
  }
}
