import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, platform } from "node:os";
import { join } from "node:path";
import {
  type ContenderSource,
  type Host,
  naiveName,
  ours,
  type PeerName,
  peerNames,
  peerSource,
  Unsupported,
} from "@denoise-rotator/bench";
import { OptionError } from "@denoise-rotator/core";
import { type BackendName, type BackendTuning, backendNames, openBackend } from "../pipeline/backends.js";

interface Variant {
  readonly backend: BackendName;
  readonly tuning: BackendTuning;
}

/** What can be asked for besides the backends by their names: the same with other settings. */
const variants: Readonly<Record<string, Variant>> = {
  "wasm-1-thread": { backend: "wasm", tuning: { threads: 1 } },
  "wasm-turbo": { backend: "wasm", tuning: { turbo: true } },
};

const choices: Readonly<Record<string, Variant>> = {
  ...Object.fromEntries(backendNames.map((backend) => [backend, { backend, tuning: {} }])),
  ...variants,
};

/** Backends of the registry and their variants. */
export const benchBackendNames = Object.keys(choices);

/** Our backends, opened when measured. Throws OptionError for a name that is none. */
export function backendSources(names: readonly string[]): ContenderSource[] {
  return names.map((name) => {
    const choice = choices[name];
    if (!choice) throw new OptionError(`--backends ${name}: choose from ${benchBackendNames.join(", ")}`);
    return { name, open: () => open(name, choice) };
  });
}

async function open(name: string, { backend, tuning }: Variant) {
  const notices: string[] = [];
  const opened = await openBackend(backend, tuning, (notice) => notices.push(notice));
  if (tuning.turbo && opened.capabilities.description.turbo !== true) {
    await opened.dispose();
    throw new Unsupported(notices.join("; ") || "turbo does not run on this engine");
  }
  const from = backend === "cpu" ? "@denoise-rotator/core" : `@denoise-rotator/backend-${backend}`;
  return ours(opened, { name, package: from, version: versionOf(from) });
}

/** Other libraries; `undefined` takes the plain loops alone, `true` all. Throws OptionError for a name that is none. */
export function peerSources(names: readonly string[] | true | undefined): ContenderSource[] {
  const wanted = names === true ? peerNames : (names ?? [naiveName]);
  return wanted.map((name) => {
    if (!peerNames.includes(name as PeerName)) {
      throw new OptionError(`--peers ${name}: choose from ${peerNames.join(", ")}`);
    }
    const versions = { "@jax-js/jax": versionOf("@jax-js/jax") };
    return peerSource(name as PeerName, { versions });
  });
}

const require = createRequire(import.meta.url);

/** Version of a package as it is installed here or beside the benchmark; empty where it is not. */
function versionOf(name: string): string {
  const fromBench = createRequire(require.resolve("@denoise-rotator/bench"));
  const folders = [require, fromBench].flatMap((each) => each.resolve.paths(name) ?? []);
  const path = folders.map((folder) => join(folder, name, "package.json")).find((each) => existsSync(each));
  return path === undefined ? "" : (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

export function nodeHost(): Host {
  const all = cpus();
  return {
    engine: `node ${process.version}, v8 ${process.versions.v8}`,
    platform: `${platform()} ${arch()}`,
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    sharedMemory: true,
    webgpu: "none of Node's own; the adapter stands with its backend",
    webgl: "none of Node's own",
  };
}
