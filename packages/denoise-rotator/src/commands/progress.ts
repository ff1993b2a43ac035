import cliProgress from "cli-progress";
import type { ProgressEvent } from "../pipeline/options.js";

export interface Progress {
  update(event: ProgressEvent): void;
  /** Prints a line above the bar. */
  note(line: string): void;
  stop(): void;
}

/** A bar with block, stage and time left on a terminal; elsewhere a line a stage. Everything goes to standard error. */
export function createProgress(quiet: boolean): Progress {
  if (quiet) return { update() {}, note() {}, stop() {} };
  return process.stderr.isTTY ? terminalProgress() : plainProgress();
}

export const printLine = (line: string) => void process.stderr.write(`${line}\n`);

function plainProgress(): Progress {
  let last = "";
  const started = performance.now();
  return {
    update({ stage, block, blocks }) {
      const line = `${stage}, ${block}/${blocks}`;
      if (line !== last)
        process.stderr.write(`[${((performance.now() - started) / 1000).toFixed(1)} s] ${line}\n`);
      last = line;
    },
    note: printLine,
    stop() {},
  };
}

function terminalProgress(): Progress {
  const format = "{bar} {stage} {value}/{total} | {eta_formatted} left {detail}";
  const bar = new cliProgress.SingleBar(
    {
      format,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      stream: process.stderr,
      etaBuffer: 100,
    },
    cliProgress.Presets.shades_classic,
  );
  let task = "";
  return {
    update({ stage, block, blocks, detail = "" }) {
      // Stages of one pass over the blocks share a bar, so that its time left is that of the pass.
      const current = stage.startsWith("evaluate") ? stage : `pass over ${blocks}`;
      if (current !== task) {
        bar.stop();
        bar.start(blocks, 0, { stage, detail });
        task = current;
      }
      bar.update(block, { stage, detail });
    },
    note(line) {
      bar.stop();
      task = "";
      process.stderr.write(`${line}\n`);
    },
    stop: () => bar.stop(),
  };
}
