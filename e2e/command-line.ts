import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { documents } from "@denoise-rotator/tiny-llama";

/** The built command line. */
export const cli = fileURLToPath(new URL("../packages/denoise-rotator/dist/cli.js", import.meta.url));

/** A little of the embedded training text, all of which takes a second to encode, for runs in a folder with `writeCalibration`. */
export const calibration: readonly string[] = ["--calibration", "calibration.txt"];

export async function writeCalibration(folder: string): Promise<void> {
  const [text] = await documents("train");
  writeFileSync(join(folder, "calibration.txt"), text!);
}

/** Flags of a run that takes seconds and prints its record. */
export const quick: readonly string[] = [
  ...calibration,
  ...["--samples", "4", "--seqlen", "64", "--steps", "3", "--json"],
];

/** Runs it in `folder`. */
export function runIn(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}
