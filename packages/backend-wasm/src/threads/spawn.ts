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
  // `String` keeps bundlers from carrying the file along for Node as well.
  const worker = new node.Worker(new URL("./worker.js", String(import.meta.url)), {
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
  const worker = openWorker();
  // An event without a message: the script could not be loaded.
  worker.addEventListener("error", ({ message }) =>
    onFailure(message || "its script worker.js did not load"),
  );
  worker.postMessage(start);
  return { terminate: async () => worker.terminate() };
}

/** A page may only start workers of its own origin; one from a content delivery network comes in through an import. */
function openWorker(): Worker {
  const { protocol, origin } = new URL(import.meta.url);
  const foreign = protocol.startsWith("http") && origin !== location.origin;
  // Bundlers know `new Worker(new URL(…))` as written here, and no other way of writing it.
  if (!foreign) return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const script = `import ${JSON.stringify(new URL("./worker.js", import.meta.url))};`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  return new Worker(url, { type: "module" });
}
