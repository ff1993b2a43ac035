import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the tests' redis-server is, and why tests with it cannot run if it is missing. */
export interface FoundRedis {
  readonly path: string;
  /** Whether one was asked for, as CI does, which installs it: tests then fail where it is missing. */
  readonly required: boolean;
  /** Why there is none; `undefined` if there is. */
  readonly missing: string | undefined;
}

/** The environment's `REDIS_SERVER`, else the one in the path. */
export function findRedis(): FoundRedis {
  const asked = process.env.REDIS_SERVER || undefined;
  const path = asked ?? "redis-server";
  const works = spawnSync(path, ["--version"]).status === 0;
  const missing = works ? undefined : `no redis-server (${path}); REDIS_SERVER=PATH names one`;
  return { path, required: asked !== undefined, missing };
}

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
}

/** A server of its own, on a free port of this machine, that writes nothing to the disk. */
export async function startRedis({ path, missing }: FoundRedis = findRedis()): Promise<RedisServer> {
  if (missing) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), "denoise-rotator-redis-"));
  const port = await freePort();
  const args = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    "--dir",
    folder,
  ];
  const server = spawn(path, args, { stdio: ["ignore", "pipe", "inherit"] });
  await ready(server);
  const ended = new Promise((resolve) => server.once("exit", resolve));
  return {
    url: `redis://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    server.stdout!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (/ready to accept connections/i.test(said)) resolve();
    });
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`redis-server ended with code ${code}: ${said}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
