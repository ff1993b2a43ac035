import { nodeBuiltin } from "./support.js";
import type { WorkerStart } from "./worker.js";

/** A running worker. */
export interface Thread {
  terminate(): Promise<void>;
}

/**
 * Starts a worker that serves the pool. `onFailure` hears of an error or an end nobody asked for. The worker does not
 * keep the process alive.
 */
export function spawn(start: WorkerStart, onFailure: (reason: string) => void): Thread {
  const node = nodeBuiltin("node:worker_threads");
  if (!node) return spawnInBrowser(start, onFailure);
  let wanted = true;
  const worker = new node.Worker(new URL("./worker.js", import.meta.url), {
    name: "denoise-rotator",
    workerData: start,
    execArgv: [],
  });
  worker.unref();
  worker.on("error", (error) => onFailure(error.message));
  worker.on("exit", (code) => {
    if (wanted) onFailure(`it ended with code ${code}`);
  });
  return {
    terminate: async () => {
      wanted = false;
      await worker.terminate();
    },
  };
}

function spawnInBrowser(start: WorkerStart, onFailure: (reason: string) => void): Thread {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("error", (event) => onFailure(event.message));
  worker.postMessage(start);
  return { terminate: async () => worker.terminate() };
}
