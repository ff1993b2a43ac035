import { copyFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { defineConfig } from "tsup";

const { resolve } = createRequire(import.meta.url);
const beside = (name: string, file: string) => join(resolve(`@denoise-rotator/${name}`), "..", file);

/**
 * Minified ES modules for pages, an entry a package. What entries share is in chunks that they import by relative paths, so
 * that there is one tensor class however many of them a page loads, and no import map is needed.
 */
export default defineConfig({
  entry: readdirSync("src").map((file) => `src/${file}`),
  format: "esm",
  target: "es2022",
  platform: "browser",
  splitting: true,
  minify: true,
  // Errors are named after their classes.
  keepNames: true,
  sourcemap: true,
  clean: true,
  silent: true,
  noExternal: [/^@denoise-rotator\//],
  dts: { compilerOptions: { noCheck: true, customConditions: [] } }, // as in the others
  onSuccess: async () => {
    copyFileSync(beside("backend-wasm", "worker.js"), "dist/worker.js");
    copyFileSync(beside("backend-gpujs", "../THIRD-PARTY-NOTICES.md"), "dist/THIRD-PARTY-NOTICES.md");
  },
});
