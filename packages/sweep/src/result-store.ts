import { AppendLog } from "@denoise-rotator/hub";
import type { JobOutcome, JobResult, Settings, SweepJob } from "./job.js";

/** A line of the results file. */
export interface StoredOutcome {
  readonly version: 1;
  readonly key: string;
  readonly settings: Settings;
  readonly outcome: JobOutcome;
  /** When it was written, ISO 8601. */
  readonly time: string;
}

/** Outcomes of jobs in an append-only file, on the disk when `add` resolves. A job counts once. */
export class ResultStore implements AsyncDisposable {
  readonly #log: AppendLog<StoredOutcome>;
  readonly #results = new Map<string, JobResult>();
  readonly #failures = new Map<string, string>();

  private constructor(log: AppendLog<StoredOutcome>) {
    this.#log = log;
    for (const record of log.records) this.#take(record);
  }

  /** @throws HubError where the file cannot be written or is damaged. */
  static async open(path: string): Promise<ResultStore> {
    return new ResultStore(await AppendLog.open<StoredOutcome>(path));
  }

  /** The result of a job that is done. */
  result(key: string): JobResult | undefined {
    return this.#results.get(key);
  }

  /** Why the last attempt at a job failed, unless another one was done. */
  failure(key: string): string | undefined {
    return this.#results.has(key) ? undefined : this.#failures.get(key);
  }

  /** Keeps an outcome; one of a job that is done already changes nothing. */
  async add({ key, settings }: SweepJob, outcome: JobOutcome): Promise<void> {
    if (this.#results.has(key)) return;
    const record = { version: 1, key, settings, outcome, time: new Date().toISOString() } as const;
    this.#take(record);
    await this.#log.append(record);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#log.close();
  }

  #take({ key, outcome }: StoredOutcome): void {
    if (outcome.status === "failed") this.#failures.set(key, outcome.error);
    else if (!this.#results.has(key)) this.#results.set(key, outcome.result);
  }
}
