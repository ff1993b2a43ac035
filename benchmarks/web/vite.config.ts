import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** What makes the page cross-origin isolated, so that wasm may run on threads. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

type Manifest = { readonly version: string; readonly dependencies: Readonly<Record<string, string>> };
const manifest = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Manifest;

/** Versions of what is measured: not every library tells its own. */
const versions = Object.fromEntries(
  Object.keys(manifest(join(import.meta.dirname, "package.json")).dependencies).flatMap((name) => {
    const path = join(import.meta.dirname, "node_modules", name, "package.json");
    return existsSync(path) ? [[name, manifest(path).version]] : [];
  }),
);

/**
 * TensorFlow.js starts its threads from the source text of a function, which must then not refer to variables around it. It
 * guards the one reference it has with `typeof`; minifiers see that the variable is there and drop the guard.
 */
const tfjsThreads: Plugin = {
  name: "tfjs-threads",
  transform(code, id) {
    if (!id.includes("tfjs-backend-wasm-threaded-simd.js")) return undefined;
    return code
      .replace('if(typeof _scriptDir !== "undefined" && _scriptDir){scriptDirectory=_scriptDir}', "")
      .replace('Module["mainScriptUrlOrBlob"]||_scriptDir', 'Module["mainScriptUrlOrBlob"]');
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the built site works in any folder.
  base: "./",
  define: { __VERSIONS__: JSON.stringify(versions) },
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 4096,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [tfjsThreads],
  worker: { format: "es", plugins: () => [tfjsThreads] },
  // Its code finds its .wasm files beside itself.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  server: { headers: isolation },
  preview: { headers: isolation },
});
