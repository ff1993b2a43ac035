import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DenoiseRotatorError } from "@denoise-rotator/core";
import { atomicWriteFile } from "@denoise-rotator/hub";
import type { RunRecord } from "./run-record.js";

export const recordName = "run.json";
export const reportName = "report.html";

/** Writes a run's record and its report beside it. A run is not lost for its page: what keeps that from being made is told. */
export async function writeRecord(
  directory: string,
  record: RunRecord,
  onNotice: (notice: string) => void = (notice) => process.stderr.write(`${notice}\n`),
): Promise<void> {
  const text = formatRecord(record);
  await atomicWriteFile(join(directory, recordName), text);
  try {
    await atomicWriteFile(join(directory, reportName), await reportOf(text));
  } catch (error) {
    onNotice(`${reportName} was not written: ${(error as Error).message}`);
  }
}

/** The record as JSON for people too: a line for each field, and for each list of numbers or short strings. */
export function formatRecord(record: RunRecord): string {
  const text = JSON.stringify(record, undefined, 2);
  const list = /\[\n\s+(?:(?:-?[\d.e+-]+|null|"[^"\\\n]{0,40}"),?\s+)+\]/g;
  return `${text.replaceAll(list, (found) =>
    found
      .replaceAll(/\s*\n\s*/g, " ")
      .replace("[ ", "[")
      .replace(" ]", "]"),
  )}\n`;
}

/**
 * The page of a record as text; the same text gives the same page.
 *
 * @throws RecordError naming `file` where it is no record that can be shown.
 */
export async function reportOf(text: string, file = recordName): Promise<string> {
  const { parseRunRecord, RecordError, renderReport } = await import("@denoise-rotator/report");
  try {
    return renderReport(parseRunRecord(text));
  } catch (error) {
    if (error instanceof RecordError) throw new RecordError(`${file}: ${error.message}`);
    throw error;
  }
}

/**
 * The text of a record: of the file at `path`, or of the `run.json` in it.
 *
 * @throws DenoiseRotatorError naming the file that cannot be read.
 */
export async function readRecordText(path: string): Promise<{ file: string; text: string }> {
  const found = await stat(path).catch(() => undefined);
  const file = found?.isDirectory() ? join(path, recordName) : path;
  try {
    return { file, text: await readFile(file, "utf8") };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DenoiseRotatorError(
      "RECORD",
      `${file}: cannot be read (${code ?? error}); give a directory that \`prune --out\` made, or its run.json`,
    );
  }
}
