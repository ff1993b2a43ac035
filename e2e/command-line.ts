import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built command line. */
export const cli = fileURLToPath(new URL("../packages/denoise-rotator/dist/cli.js", import.meta.url));

/** Flags of a run that takes seconds and prints its record. */
export const quick: readonly string[] = ["--samples", "4", "--seqlen", "64", "--steps", "3", "--json"];

/** Runs it in `folder`. */
export function runIn(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}
