import type { HubProgress, OpenRepositoryOptions } from "@denoise-rotator/hub";
import type { ProgressEvent } from "./options.js";

/** How files come from the Hub: progress, notices, abort, settings. */
export type FetchOptions = Omit<OpenRepositoryOptions, "type">;

/** Bytes that are worth a word. */
const worthTelling = 2 ** 20;

/** Downloads as a stage of a run, in steps of 5 %. */
export function fetchOptions(run: {
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  readonly onNotice?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}): FetchOptions {
  const onProgress = ({ repository, file, bytes, totalBytes }: HubProgress): void => {
    if (totalBytes < worthTelling) return;
    const percent = Math.floor((20 * bytes) / totalBytes) * 5;
    const detail = `${file}, ${(totalBytes / 2 ** 20).toFixed(0)} MiB`;
    run.onProgress?.({ stage: `fetch ${repository}, %`, block: percent, blocks: 100, detail });
  };
  return { onProgress, onNotice: run.onNotice, signal: run.signal };
}
