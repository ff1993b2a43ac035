// Structure rules no linter of ours knows: file lengths, names, and that package.json's arrows are those of turbo.json.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const scope = "@denoise-rotator/";
const problems = [];
const json = (path) => JSON.parse(readFileSync(path, "utf8"));

function* files(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (["node_modules", "dist", ".turbo", "data"].includes(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

const maxLines = 400;
for (const folder of ["packages", "benchmarks", "examples", "e2e", "scripts", "testing", "goldens"]) {
  if (!existsSync(join(root, folder))) continue;
  for (const path of files(join(root, folder))) {
    if (!/\.(ts|mjs|js|py)$/.test(path)) continue;
    const name = relative(root, path);
    const lines = readFileSync(path, "utf8").split("\n").length - 1;
    if (lines >= maxLines) problems.push(`${name}: ${lines} lines; split it below ${maxLines}`);
    if (/(^|[/\\.-])(utils?|helpers?|misc)\.(ts|mjs|js)$/.test(name))
      problems.push(`${name}: name the file after what is in it`);
  }
}

const { tags } = json(join(root, "turbo.json")).boundaries;
const graph = new Map();
for (const folder of readdirSync(join(root, "packages"))) {
  const manifest = json(join(root, "packages", folder, "package.json"));
  const own = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith(scope));
  const targets = own.map((name) => name.slice(scope.length));
  graph.set(folder, targets);
  const allowed = tags[folder]?.dependencies.allow;
  if (!allowed) problems.push(`turbo.json: no boundaries for ${folder}`);
  for (const target of targets) {
    if (allowed && !allowed.includes(target))
      problems.push(`packages/${folder} → ${target} is not an allowed arrow (turbo.json)`);
  }
  for (const field of ["license", "description", "engines", "exports", "sideEffects", "files"]) {
    if (!(field in manifest)) problems.push(`packages/${folder}/package.json: no ${field}`);
  }
  if (!existsSync(join(root, "packages", folder, "README.md")))
    problems.push(`packages/${folder}: no README.md`);
}

function visit(node, trail) {
  if (trail.includes(node)) {
    problems.push(`packages depend in a circle: ${[...trail.slice(trail.indexOf(node)), node].join(" → ")}`);
    return;
  }
  for (const next of graph.get(node) ?? []) visit(next, [...trail, node]);
}
for (const node of graph.keys()) visit(node, []);

if (problems.length > 0) {
  console.error([...new Set(problems)].join("\n"));
  process.exit(1);
}
console.log(`structure: ${graph.size} packages, arrows and file lengths as they should be`);
