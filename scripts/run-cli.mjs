// Builds what the command line needs (cached) and runs it where the user called from; standard output is the CLI's alone.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const turbo = join(root, "node_modules", ".bin", process.platform === "win32" ? "turbo.cmd" : "turbo");
const build = spawnSync(
  turbo,
  ["run", "build", "--filter=@denoise-rotator/denoise-rotator...", "--output-logs=errors-only"],
  { cwd: root, encoding: "utf8", shell: process.platform === "win32" },
);
if (build.status !== 0) {
  process.stderr.write(
    `${build.stdout ?? ""}${build.stderr ?? ""}${build.error ? `${build.error.message}\n` : ""}`,
  );
  process.exit(1);
}

const cli = join(root, "packages", "denoise-rotator", "dist", "cli.js");
process.on("SIGINT", () => {}); // the child gets it too and cleans up; wait for its exit code
const run = spawnSync(process.execPath, [cli, ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: "inherit",
});
process.exit(run.status ?? 130);
