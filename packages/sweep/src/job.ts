/** Value of an option, as a YAML scalar. */
export type Setting = string | number | boolean;

/** Options of a run by their names; `model` is one of them. */
export type Settings = Readonly<Record<string, Setting>>;

/** One run of a sweep; plain data, so that it can go to another machine. */
export interface SweepJob {
  /** The same for the same settings and the same version of what runs them; 20 hexadecimal digits. */
  readonly key: string;
  readonly settings: Settings;
}

/** What a run came to. */
export interface JobResult {
  /** What tables show, such as `perplexity`; the same names for every job. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Further facts, kept beside them. */
  readonly details: Readonly<Record<string, unknown>>;
}

export type JobOutcome =
  | { readonly status: "done"; readonly result: JobResult }
  | { readonly status: "failed"; readonly error: string };

/** Runs a job. What it throws is the job's failure. */
export type Execute = (job: SweepJob, signal: AbortSignal) => Promise<JobResult>;

/** The job of settings, whatever the order of their names. `version` is that of what runs it. */
export async function sweepJob(settings: Settings, version: string): Promise<SweepJob> {
  const ordered = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = new TextEncoder().encode(JSON.stringify([version, ordered]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest.subarray(0, 10), (byte) => byte.toString(16).padStart(2, "0"));
  return { key: hex.join(""), settings };
}
