// What each package weighs in a page: minified without its siblings, in bytes and after gzip. Fails above a ceiling of
// bundle-sizes.json. Parts that are loaded when first used (gpu.js in backend-gpujs) count. Needs the build.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const ceilings = JSON.parse(readFileSync(join(import.meta.dirname, "bundle-sizes.json"), "utf8"));

/** Minified bytes of each file of a package that a page may load; other packages are left out. */
async function minified(name) {
  const dist = join(root, "packages", name, "dist");
  const entries = ["index.js", "worker.js"]
    .map((file) => join(dist, file))
    .filter((file) => existsSync(file));
  if (entries.length === 0) throw new Error(`packages/${name} is not built; run \`npx -y pnpm@12 build\``);
  const { outputFiles, warnings } = await build({
    entryPoints: entries,
    outdir: dist,
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["@denoise-rotator/*"],
    logLevel: "silent",
    logOverride: { "ignored-bare-import": "silent" }, // chunks that only set a bundler's helpers up
  });
  if (warnings.length > 0)
    throw new Error(`packages/${name}: ${warnings.map(({ text }) => text).join("; ")}`);
  return outputFiles.map(({ contents }) => contents);
}

const problems = [];
const rows = await Promise.all(
  Object.entries(ceilings).map(async ([name, ceiling]) => {
    const files = await minified(name);
    const bytes = files.reduce((sum, file) => sum + file.length, 0);
    const gzip = files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
    for (const [what, size, most] of [
      ["minified", bytes, ceiling.minified],
      ["after gzip", gzip, ceiling.gzip],
    ]) {
      if (!(size <= most))
        problems.push(
          `packages/${name} has ${size} bytes ${what}, more than the ${most} of scripts/bundle-sizes.json`,
        );
    }
    return [name, bytes, ceiling.minified, gzip, ceiling.gzip];
  }),
);
const header = ["package", "minified", "at most", "gzip", "at most"];
const cells = [header, ...rows.map((row) => row.map(String))];
const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
for (const row of cells) {
  console.log(row.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join("  "));
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
