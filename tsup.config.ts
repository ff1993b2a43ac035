import { defineConfig } from "tsup";

/** What every package builds: ESM and CJS with types, readable, one file per entry. */
export default defineConfig({
  format: ["esm", "cjs"],
  dts: true,
  target: "es2022",
  clean: true,
  sourcemap: true,
  treeshake: true,
  silent: true,
});
