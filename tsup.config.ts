import { defineConfig } from "tsup";

/** What every package builds: ESM and CJS with types, readable, one file per entry. */
export default defineConfig({
  format: ["esm", "cjs"],
  // `pnpm typecheck` checks types; here they are written, from those that the siblings have built.
  dts: { compilerOptions: { noCheck: true, customConditions: [] } },
  target: "es2022",
  clean: true,
  sourcemap: true,
  treeshake: true,
  silent: true,
});
