import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** The packages that run in a page, by their names without the scope: those that `web` bundles. */
export const packagesForPages: readonly string[] = Object.keys(
  JSON.parse(readFileSync(join(root, "packages/web/package.json"), "utf8")).dependencies,
).map((name) => name.replace("@denoise-rotator/", ""));

/** A project of a user that has installed our packages from their tarballs. */
export interface InstalledPackages {
  readonly folder: string;
  /** The tarball of each package, by its name without the scope. */
  readonly tarballs: ReadonlyMap<string, string>;
  remove(): void;
}

/** Packs packages and installs them with npm in a new folder. Needs the build. */
export function installPackages(names: readonly string[]): InstalledPackages {
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-user-"));
  const tarballs = packPackages(names, join(folder, "tarballs"));
  const files = Object.fromEntries(
    [...tarballs].map(([name, file]) => [`@denoise-rotator/${name}`, `file:${file}`]),
  );
  const manifest = { name: "user", private: true, type: "module", dependencies: files, overrides: files };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: "ignore",
  });
  return { folder, tarballs, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/** `pnpm pack` resolves workspace versions and publishConfig as publishing would. */
function packPackages(names: readonly string[], destination: string): Map<string, string> {
  mkdirSync(destination);
  const filters = names.map((name) => `--filter=@denoise-rotator/${name}`);
  const args = [
    "-y",
    "pnpm@12",
    "--recursive",
    ...filters,
    "pack",
    "--json",
    "--pack-destination",
    destination,
  ];
  const output = execFileSync("npx", args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 << 20,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const packed: { name: string; filename: string }[] = JSON.parse(output.slice(output.search(/^\[/m)));
  return new Map(packed.map(({ name, filename }) => [name.replace("@denoise-rotator/", ""), filename]));
}
