import { parentPort, workerData } from "node:worker_threads";
import { codeOf } from "./commands/report-error.js";
import { runDemoJob } from "./demo-jobs.js";
import type { WorkerMessage } from "./demo-pool.js";

// Runs one job; any message from the parent asks to stop.
const controller = new AbortController();
const port = parentPort!;
const post = (message: WorkerMessage) => port.postMessage(message);
port.on("message", () => controller.abort());
try {
  const result = await runDemoJob(workerData, {
    onProgress: (event) => post({ kind: "progress", event }),
    signal: controller.signal,
  });
  post({ kind: "done", result });
} catch (error) {
  const { name, message } = error as Error;
  post({ kind: "failed", name, message, code: codeOf(error as Error) });
}
port.close();
