import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DenoiseRotatorError, OptionError } from "@denoise-rotator/core";
import { AppendLog, partialPath, ResumableOutput } from "@denoise-rotator/hub";
import type { RunRecord } from "../run-record.js";
import { type JournalEntry, journalVersion } from "./run-events.js";
import { checkSameRun, type RunIdentity } from "./run-identity.js";
import { describeProgress, describeStart, RunState } from "./run-state.js";

export interface OpenRunOptions {
  readonly out?: string | undefined;
  readonly force?: boolean | undefined;
  readonly resume?: boolean | undefined;
  readonly onNotice?: ((notice: string) => void) | undefined;
}

/** A run to be done, from its beginning or from where an earlier attempt ended; or one that is finished already. */
export type OpenedRun = { readonly state: RunState } | { readonly finished: RunRecord };

/**
 * Claims the place of a run's output.
 *
 * @throws OptionError or DenoiseRotatorError naming what differs from the run to resume; HubError where the output exists, is
 *   being worked on, or cannot be written; DenoiseRotatorError `INTERRUPTED` where an interrupted run would be lost.
 */
export async function openRun(identity: RunIdentity, options: OpenRunOptions): Promise<OpenedRun> {
  const { out, force = false, resume = false, onNotice: notice = () => {} } = options;
  if (out === undefined) {
    if (resume) throw new OptionError("--resume: needs --out, where the interrupted run was to write to");
    return { state: RunState.temporary() };
  }
  const finished = resume ? await finishedRun(out) : undefined;
  if (finished && !replaces(finished, identity, force) && !(await exists(partialPath(out))))
    return alreadyFinished(finished, identity, out, notice);
  const probe = await ResumableOutput.open(out);
  let journal: AppendLog<JournalEntry> | undefined;
  try {
    journal = await AppendLog.open<JournalEntry>(probe.path("journal.jsonl"));
    const known = describeProgress(journal.records);
    const done = describeStart(journal.records);
    if (resume && done !== undefined) {
      checkJournal(journal.records, identity);
      if (journal.records.at(-1)!.kind === "complete") {
        await journal.close();
        return { finished: await putIntoPlace(probe, out, force, notice) };
      }
      await probe.checkReplaceable(force);
      const state = RunState.kept({ output: probe, journal, force });
      await state.remember({ kind: "attempt" });
      notice(`resuming: ${done} done before`);
      return { state };
    }
    if (known !== undefined && !force) {
      throw new DenoiseRotatorError(
        "INTERRUPTED",
        `${out}: an interrupted run is kept beside it (${known}); go on with --resume, or start afresh with --force`,
      );
    }
    if (finished && !replaces(finished, identity, force)) {
      // Only the clearing up was left.
      await journal.close();
      await probe.finish();
      return alreadyFinished(finished, identity, out, notice);
    }
    await probe.checkReplaceable(force);
    if (resume) notice(`nothing to resume at ${out}: starting afresh`);
    await journal.close();
    await probe.clear();
    journal = await AppendLog.open<JournalEntry>(probe.path("journal.jsonl"));
    const state = RunState.kept({ output: probe, journal, force });
    await state.remember({ kind: "start", version: journalVersion, identity });
    return { state };
  } catch (error) {
    const worthless = describeProgress(journal?.records ?? []) === undefined;
    await journal?.close().catch(() => {});
    if (worthless) probe.discardSync();
    else probe.keepSync();
    throw error;
  }
}

function checkJournal([start]: readonly JournalEntry[], identity: RunIdentity): void {
  if (start?.kind !== "start" || start.version !== journalVersion) {
    throw new DenoiseRotatorError(
      "RESUME",
      "cannot resume: the interrupted run was kept by another version; start afresh with --force and without --resume",
    );
  }
  checkSameRun(start.identity, identity);
}

/** The rest of an attempt that ended while its output was being renamed. */
async function putIntoPlace(
  output: ResumableOutput,
  out: string,
  force: boolean,
  notice: (text: string) => void,
): Promise<RunRecord> {
  if (await output.hasContents()) {
    await output.checkReplaceable(force);
    await output.commit(force);
  } else await output.finish();
  notice(`${out} was finished already; put into place`);
  return (await finishedRun(out))!;
}

function alreadyFinished(
  record: RunRecord,
  identity: RunIdentity,
  out: string,
  notice: (text: string) => void,
): OpenedRun {
  checkSameRun(record, identity);
  notice(`${out} is finished already: nothing to do`);
  return { finished: record };
}

/** Whether a finished output of another run is to be replaced. */
function replaces(finished: RunRecord, identity: RunIdentity, force: boolean): boolean {
  if (!force) return false;
  try {
    checkSameRun(finished, identity);
    return false;
  } catch {
    return true;
  }
}

/** The record of a finished output, if that is what `out` is. */
async function finishedRun(out: string): Promise<RunRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(resolve(out), "run.json"), "utf8")) as RunRecord;
    return record.command === "prune" && record.inputs ? record : undefined;
  } catch {
    return undefined;
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
