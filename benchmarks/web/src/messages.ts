import type { BenchProgress, BenchResult, Host, WorkSetName } from "@denoise-rotator/bench";

/** What to measure. */
export interface RunRequest {
  readonly set: WorkSetName;
  /** Kinds or names of works. */
  readonly works: readonly string[];
  readonly contenders: readonly string[];
  readonly rounds: number;
  readonly sampleMilliseconds: number;
  readonly patienceMilliseconds: number;
  readonly baseline: string | undefined;
}

/** From the page to whom measures. */
export type Command =
  | { readonly type: "describe" }
  | { readonly type: "run"; readonly request: RunRequest }
  | { readonly type: "stop" };

/** Back to the page. */
export type Report =
  | { readonly type: "host"; readonly host: Host }
  | { readonly type: "progress"; readonly progress: BenchProgress }
  | { readonly type: "result"; readonly result: BenchResult }
  /** `stopped` was asked for; the message says what happened. */
  | { readonly type: "ended"; readonly stopped: boolean; readonly message: string };
