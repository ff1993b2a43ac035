import { defineConfig } from "tsup";

/** As the other packages, with linkedom inside: its build for workers needs nothing of Node and is an ES module only. */
export default defineConfig({
  entry: ["src/index.ts"],
  noExternal: ["linkedom"],
  format: ["esm", "cjs"],
  dts: true,
  target: "es2022",
  clean: true,
  sourcemap: true,
  treeshake: true,
  silent: true,
});
