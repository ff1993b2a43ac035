import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../../packages/denoise-rotator/dist/cli.js", import.meta.url));

/** The command line refused or failed; the message is its own. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Runs `denoise-rotator` with arguments and gives what it prints. Throws {@link CommandError}. */
export type Execute = (args: readonly string[], signal: AbortSignal) => Promise<string>;

/** The built command line, under the Node that runs this. */
export const execute: Execute = (args, signal) => executeWith([], args, signal);

/** The same with options of the engine, such as a profiler's. */
export function executeWith(
  engineFlags: readonly string[],
  args: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...engineFlags, cli, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      signal,
    });
    let [text, complaint] = ["", ""];
    child.stdout!.on("data", (chunk) => {
      text += chunk;
    });
    child.stderr!.on("data", (chunk) => {
      complaint = (complaint + chunk).slice(-2000);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(text);
      const said = complaint.split("\n").filter((line) => /\S/.test(line));
      const line = said.find((each) => /error/i.test(each)) ?? said.at(-1) ?? `exit code ${code}`;
      reject(new CommandError(line.trim()));
    });
  });
}

/** What a run of `prune --json` prints, as far as it is used here. */
export interface PruneRecord {
  readonly stages: Readonly<Record<string, StageCost>>;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

export interface StageCost {
  readonly seconds: number;
  /** Of all threads of the process together. */
  readonly cpuSeconds: number;
  /** Of matrix products. */
  readonly flops: number;
}

/** The first flag that a help text does not name. */
export function unknownFlag(help: string, flags: readonly string[]): string | undefined {
  const known = new Set(help.match(/--[a-z0-9-]+/g));
  return flags.find((flag) => flag.startsWith("--") && !known.has(flag));
}
