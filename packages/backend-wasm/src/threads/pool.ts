import { BackendError } from "@denoise-rotator/core";
import { layout, threadAreaAt } from "../engine/layout.js";
import { controlWords, type Kernel, spinWhile, takeTasks, word } from "./job.js";
import { spawn, type Thread } from "./spawn.js";

export interface PoolOptions {
  /** Threads including the caller's, at least 2. */
  readonly threads: number;
  /** Shared. */
  readonly memory: WebAssembly.Memory;
  readonly modules: readonly WebAssembly.Module[];
  /** The caller's instances of the modules' exports, in order. */
  readonly kernels: readonly Kernel[];
}

/** How long workers look out for the next job before they sleep, in microseconds. */
const workerSpin = 200;
/** How long the caller looks out for the last tasks before it sleeps. */
const callerSpin = 2000;
/** Milliseconds without an end of the last tasks after which a worker counts as dead. */
const patience = 60_000;
/** What waking sleeping workers, or handing a job to waiting ones, costs on both sides together, in nanoseconds. */
const wakingCost = 100_000;
const handingCost = 5_000;

/**
 * Worker threads over one shared memory. They start with the first job that is worth it and sleep between jobs; the
 * caller always works along, so that a job is done even if no worker comes in time.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #control: Int32Array;
  readonly #table: Float64Array;
  #threads: Thread[] | undefined;
  #failure: string | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    const { buffer } = options.memory;
    this.#control = new Int32Array(buffer, layout.control, controlWords);
    this.#table = new Float64Array(buffer, layout.tasks, layout.taskBytes / 8);
  }

  get threads(): number {
    return this.#options.threads;
  }

  /** Whether work that takes one thread so many nanoseconds gains by being shared now. */
  isWorth(nanoseconds: number): boolean {
    if (nanoseconds < handingCost) return false;
    const workers = this.#threads?.length ?? 0;
    const awake = workers > 0 && Atomics.load(this.#control, word.asleep) < workers;
    return nanoseconds >= 2 * (awake ? handingCost : wakingCost);
  }

  /**
   * Runs the kernel with this index among the exports once for every argument list, in any order and on any thread.
   * All lists have the same length. Throws {@link BackendError} if a worker failed.
   */
  run(kernel: number, tasks: readonly (readonly number[])[]): void {
    this.#start();
    const arity = tasks[0]!.length;
    const batch = Math.floor(this.#table.length / Math.max(1, arity));
    for (let first = 0; first < tasks.length; first += batch) {
      this.#runBatch(kernel, arity, tasks.slice(first, first + batch));
    }
  }

  async dispose(): Promise<void> {
    const threads = this.#threads ?? [];
    this.#threads = [];
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  #runBatch(kernel: number, arity: number, tasks: readonly (readonly number[])[]): void {
    const control = this.#control;
    tasks.forEach((task, i) => {
      this.#table.set(task, i * arity);
    });
    control[word.kernel] = kernel;
    control[word.arity] = arity;
    control[word.count] = tasks.length;
    Atomics.store(control, word.next, 0);
    Atomics.store(control, word.open, 1);
    Atomics.add(control, word.generation, 1);
    if (Atomics.load(control, word.asleep) > 0) Atomics.notify(control, word.generation);
    try {
      takeTasks(control, this.#table, this.#options.kernels);
    } finally {
      Atomics.store(control, word.open, 0);
      this.#awaitWorkers();
    }
  }

  #awaitWorkers(): void {
    const control = this.#control;
    const started = performance.now();
    for (let active = Atomics.load(control, word.active); active > 0; ) {
      if (!spinWhile(control, word.active, active, callerSpin)) {
        Atomics.wait(control, word.active, active, 1000);
        if (performance.now() - started > patience) {
          this.#failure = `a thread has not answered for ${patience / 1000} seconds`;
          break;
        }
      }
      active = Atomics.load(control, word.active);
    }
    if (Atomics.load(control, word.failures) > 0) this.#failure ??= "a kernel trapped on a worker";
    this.#throwFailure();
  }

  #start(): void {
    this.#throwFailure();
    if (this.#threads) return;
    const { memory, modules, threads } = this.#options;
    const common = {
      controlAt: layout.control,
      controlWords,
      tasksAt: layout.tasks,
      taskBytes: layout.taskBytes,
    };
    this.#threads = Array.from({ length: threads - 1 }, (_, i) =>
      spawn(
        { ...common, modules, memory, threadArea: threadAreaAt(i + 1), spinMicroseconds: workerSpin },
        (reason) => {
          this.#failure ??= reason;
        },
      ),
    );
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return;
    throw new BackendError(
      `wasm backend: a worker thread failed (${this.#failure}); open a new backend, with threads: 1 if it happens again`,
    );
  }
}
