import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Builds the packages (cached): what is measured is what is published. Throws with the build's output. */
export function build(): void {
  const windows = process.platform === "win32";
  const turbo = `${root}/node_modules/.bin/turbo${windows ? ".cmd" : ""}`;
  const { status, stdout, stderr } = spawnSync(turbo, ["run", "build", "--output-logs=errors-only"], {
    cwd: root,
    encoding: "utf8",
    shell: windows,
  });
  if (status !== 0) throw new Error(`the build failed\n${stdout ?? ""}${stderr ?? ""}`);
}
