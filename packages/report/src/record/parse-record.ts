import { type ReportRecord, recordVersion, runRecordSchema } from "./schema.js";

/** Something that is no run record, or none that this version shows. */
export class RecordError extends Error {
  override readonly name = "RecordError";
  /** Stable, for programs. */
  readonly code = "RECORD";
}

/**
 * The record in the text of a `run.json`.
 *
 * @throws RecordError naming the first fields that are missing or wrong, or the version.
 */
export function parseRunRecord(text: string): ReportRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RecordError(`the run record is no JSON (${(error as Error).message})`);
  }
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== recordVersion) {
    throw new RecordError(
      `the run record has schemaVersion ${JSON.stringify(version) ?? "none"} where ${recordVersion} is needed: reports are for records of this version of denoise-rotator; run prune again`,
    );
  }
  const { success, error } = runRecordSchema.safeParse(value);
  // As it was written: fields in their order.
  if (success) return value as ReportRecord;
  const issues = error.issues.slice(0, 3).map(({ path, message }) => `${path.join(".") || "it"}: ${message}`);
  throw new RecordError(`the run record is not what prune writes (${issues.join("; ")})`);
}
