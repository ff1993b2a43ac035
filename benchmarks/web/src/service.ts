import { describeHost, runBench, workSet } from "@denoise-rotator/bench";
import { sourceOf } from "./contenders.js";
import type { Command, Report, RunRequest } from "./messages.js";

/** Answers commands; in a worker, or on the page where there is none. */
export function createService(post: (report: Report) => void): (command: Command) => Promise<void> {
  let stop = new AbortController();
  return async (command) => {
    if (command.type === "stop") {
      stop.abort();
      return;
    }
    if (command.type === "describe") {
      post({ type: "host", host: await describeHost() });
      return;
    }
    stop = new AbortController();
    try {
      post({ type: "result", result: await measure(command.request, stop.signal) });
    } catch (error) {
      const message = stop.signal.aborted ? "stopped" : String(error);
      post({ type: "ended", stopped: stop.signal.aborted, message });
    }
  };

  async function measure(request: RunRequest, signal: AbortSignal) {
    const { set, works, contenders, baseline, rounds, sampleMilliseconds, patienceMilliseconds } = request;
    return runBench(workSet(set, works), contenders.map(sourceOf), {
      ...{ host: await describeHost(), set, rounds, sampleMilliseconds, patienceMilliseconds, signal },
      ...(baseline === undefined ? {} : { baseline }),
      onProgress: (progress) => post({ type: "progress", progress }),
    });
  }
}
