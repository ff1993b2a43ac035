// Runs src/main.ts on the TypeScript sources of the workspace, so nothing has to be built first.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const { status } = spawnSync(
  process.execPath,
  [
    "--conditions=@denoise-rotator/source",
    "--import",
    import.meta.resolve("tsx"),
    fileURLToPath(new URL("src/main.ts", import.meta.url)),
    ...process.argv.slice(2),
  ],
  { stdio: "inherit" },
);
process.exitCode = status ?? 1;
