import type { Options } from "tsup";

/** What every package builds: ESM and CJS with types, readable, one chunk per entry. */
export const library: Options = {
  entry: ["src/index.ts"],
  format: ["esm", "cjs"],
  dts: true,
  target: "es2022",
  clean: true,
  sourcemap: true,
  treeshake: true,
  silent: true,
};
