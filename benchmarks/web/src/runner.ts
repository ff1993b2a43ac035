import type { Host } from "@denoise-rotator/bench";
import type { Command, Report, RunRequest } from "./messages.js";

/** Whoever measures. */
export interface Runner {
  /** Where it does, for people. */
  readonly place: string;
  readonly host: Host;
  run(request: RunRequest, onReport: (report: Report) => void): void;
  stop(): void;
}

/**
 * A worker, so that the page stays responsive and wasm can use threads; the page itself where workers have no WebGPU and
 * the page has, or where there are no module workers.
 */
export async function createRunner(): Promise<Runner> {
  const inWorker = await workerRunner().catch(() => undefined);
  if (inWorker && !/^(no WebGPU|WebGPU finds)/.test(inWorker.host.webgpu)) return inWorker;
  const onPage = await pageRunner();
  return inWorker && onPage.host.webgpu === inWorker.host.webgpu ? inWorker : onPage;
}

async function workerRunner(): Promise<Runner> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const broken = new Promise<never>((_, reject) => {
    worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
  });
  return Promise.race([
    broken,
    connect("a worker", (command) => worker.postMessage(command), listenTo(worker)),
  ]);
}

const listenTo = (worker: Worker) => (listener: (report: Report) => void) =>
  worker.addEventListener("message", ({ data }: MessageEvent<Report>) => listener(data));

async function pageRunner(): Promise<Runner> {
  const { createService } = await import("./service.js");
  const listeners: ((report: Report) => void)[] = [];
  const handle = createService((report) => {
    for (const listener of listeners) listener(report);
  });
  return connect(
    "the page's own thread",
    (command) => void handle(command),
    (listener) => listeners.push(listener),
  );
}

function connect(
  place: string,
  post: (command: Command) => void,
  listen: (listener: (report: Report) => void) => void,
): Promise<Runner> {
  return new Promise((resolve) => {
    let onReport: (report: Report) => void = () => {};
    listen((report) => {
      if (report.type !== "host") return onReport(report);
      resolve({
        ...{ place, host: report.host },
        run(request, listener) {
          onReport = listener;
          post({ type: "run", request });
        },
        stop: () => post({ type: "stop" }),
      });
    });
    post({ type: "describe" });
  });
}
