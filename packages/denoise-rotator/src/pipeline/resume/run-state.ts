import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppendLog, ResumableOutput } from "@denoise-rotator/hub";
import type { CalibrationState } from "@denoise-rotator/models";
import { writeRecord } from "../record-files.js";
import type { BlockRecord, RunRecord } from "../run-record.js";
import { StageClock } from "../stage-clock.js";
import type { EventOf, JournalEntry, PassName, RunEvent, Spent } from "./run-events.js";

/** The run's place on disk, where it has an output. */
export interface KeptRun {
  readonly output: ResumableOutput;
  readonly journal: AppendLog<JournalEntry>;
  readonly force: boolean;
}

/**
 * How far a run has come, and where it writes. With an output every step is remembered beside it, so that a later attempt
 * goes on; without one it is in a temporary folder and forgotten.
 */
export class RunState {
  readonly clock: StageClock;
  /** Directory that the model is written to. */
  readonly contents: string;
  readonly #folder: string;
  readonly #kept: KeptRun | undefined;
  readonly #events: RunEvent[];
  readonly #before: Spent | undefined;
  readonly #started = performance.now();
  #open = true;

  private constructor(folder: string, contents: string, kept: KeptRun | undefined) {
    this.#folder = folder;
    this.contents = contents;
    this.#kept = kept;
    this.#events = [...(kept?.journal.records ?? [])];
    this.#before = kept?.journal.records.at(-1)?.spent;
    this.clock = new StageClock(this.#before?.stages);
  }

  static temporary(): RunState {
    const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-"));
    const contents = join(folder, "contents");
    mkdirSync(contents);
    return new RunState(folder, contents, undefined);
  }

  /** The journal holds a `start` already, or gets it first of all. */
  static kept(kept: KeptRun): RunState {
    return new RunState(kept.output.workingPath, kept.output.contents, kept);
  }

  /** Whether a later attempt can go on. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** Where to keep what is no part of the output. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  all<K extends RunEvent["kind"]>(kind: K): EventOf<K>[] {
    return this.#events.filter((event): event is EventOf<K> => event.kind === kind);
  }

  last<K extends RunEvent["kind"]>(kind: K): EventOf<K> | undefined {
    return this.all(kind).at(-1);
  }

  /** What the run took so far. */
  get spent(): Spent {
    const before = this.#before ?? { seconds: 0, peakMemoryBytes: 0 };
    return {
      stages: this.clock.toJSON(),
      seconds: before.seconds + (performance.now() - this.#started) / 1000,
      peakMemoryBytes: Math.max(before.peakMemoryBytes, process.resourceUsage().maxRSS * 1024),
    };
  }

  /** Attempts so far, this one included. */
  get attempts(): number {
    return 1 + this.all("attempt").length;
  }

  /** Remembers that something is done; what `event` speaks of is on the disk. */
  async remember(event: RunEvent): Promise<void> {
    await this.#kept?.journal.append({ ...event, spent: this.spent });
    this.#events.push(event);
  }

  /** Blocks of a pass that are done. */
  blocksOf(pass: PassName): EventOf<"block">[] {
    return this.all("block").filter((event) => event.pass === pass);
  }

  /** What `calibrate` needs to go on in a pass, and what to tell it; `undefined` where nothing is kept. */
  async pass(
    name: PassName,
    recordOf?: (index: number) => BlockRecord,
  ): Promise<CalibrationState | undefined> {
    if (!this.isKept) return undefined;
    const folder = this.path(join("streams", name));
    await mkdir(folder, { recursive: true });
    const done = this.blocksOf(name);
    const known = new Set(done.flatMap(({ written }) => written));
    return {
      folder,
      next: done.length,
      written: [...known],
      finished: async (index, written) => {
        const added = written.filter((tensor) => !known.has(tensor));
        for (const tensor of added) known.add(tensor);
        await this.remember({ kind: "block", pass: name, index, written: added, record: recordOf?.(index) });
      },
    };
  }

  /** Adds the record and its report to the output and puts it into place. */
  async complete(record: RunRecord): Promise<void> {
    await writeRecord(this.contents, record);
    if (!this.#kept) return;
    const { output, journal, force } = this.#kept;
    await output.commit(force, async () => {
      await this.remember({ kind: "complete" });
      await journal.close();
    });
    this.#open = false;
  }

  /** Closes the journal; whoever gave the run up calls it if it can wait. */
  async close(): Promise<void> {
    await this.#kept?.journal.close();
  }

  /**
   * Gives the run up: what finished blocks left stays for `--resume`, anything less is removed; for handlers that cannot wait.
   * After `complete`, or a second time, it does nothing.
   *
   * @returns What is kept, in words.
   */
  abandonSync(): string | undefined {
    if (!this.#open) return undefined;
    this.#open = false;
    if (!this.#kept) rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    const progress = describeProgress(this.#events);
    if (progress === undefined) this.#kept?.output.discardSync();
    else this.#kept?.output.keepSync();
    return this.#kept ? progress : undefined;
  }
}

/** What of a run can be gone on from, in words; `undefined`: nothing. */
export const describeStart = (events: readonly RunEvent[]): string | undefined =>
  describeProgress(events) ??
  (events.some(({ kind }) => kind === "evaluation") ? "the evaluation of the dense model" : undefined);

/** What of a run is worth keeping when it fails, in words; `undefined`: no block of any pass. */
export function describeProgress(events: readonly RunEvent[]): string | undefined {
  const count = (pass: PassName) =>
    events.filter((event) => event.kind === "block" && event.pass === pass).length;
  const has = (kind: RunEvent["kind"]) => events.some((event) => event.kind === kind);
  const blocks = (n: number) => `${n} ${n === 1 ? "block" : "blocks"}`;
  if (has("complete") || has("written")) return "all blocks";
  if (count("prune") > 0) return blocks(count("prune"));
  if (has("allocated")) return "the allocation";
  if (has("shared")) return "the shared rotation";
  if (count("statistics") > 0) return `the statistics of ${blocks(count("statistics"))}`;
  if (has("rotation")) return "rotations";
  return undefined;
}
