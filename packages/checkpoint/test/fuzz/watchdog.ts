import { Worker } from "node:worker_threads";

/** Runs beside the tests: ends the process where no case begins or ends for `limit` milliseconds, saying which one hangs. */
const source = `
const { workerData, parentPort } = require("node:worker_threads");
const { beats, label, limit, pid } = workerData;
let [seen, since] = [-1, Date.now()];
setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now !== seen || now % 2 === 0) [seen, since] = [now, Date.now()];
  else if (Date.now() - since > limit) {
    const text = Buffer.from(label).toString("utf8").replace(/\\0.*/s, "");
    require("node:fs").writeSync(2, "fuzz: no end within " + limit + " ms: " + text + "\\n");
    process.kill(pid, "SIGKILL");
  }
}, 250);
`;

const labelBytes = 4096;

/**
 * Tells a hang, which no timer of the hanging thread can: a case that runs longer than `limit` ms (the machine may be busy)
 * ends the process, and so fails the run.
 */
export class Watchdog implements Disposable {
  readonly #beats = new Int32Array(new SharedArrayBuffer(4));
  readonly #label = new Uint8Array(new SharedArrayBuffer(labelBytes));
  readonly #worker: Worker;

  constructor(limit: number) {
    const workerData = { beats: this.#beats, label: this.#label, limit, pid: process.pid };
    this.#worker = new Worker(source, { eval: true, workerData });
    this.#worker.unref();
  }

  /** Runs a case. `label` is what is printed if it hangs. */
  async watch<T>(label: string, work: () => Promise<T>): Promise<T> {
    const text = new TextEncoder().encode(label).subarray(0, labelBytes - 1);
    this.#label.fill(0, text.length);
    this.#label.set(text);
    Atomics.add(this.#beats, 0, 1);
    try {
      return await work();
    } finally {
      Atomics.add(this.#beats, 0, 1);
    }
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }
}
