import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { HubError } from "../errors.js";
import { errorCode } from "../node-errors.js";
import type { HubConnection } from "./hub-connection.js";
import { PartialFile } from "./partial-file.js";

export interface BlobRequest {
  readonly url: string;
  /** Path in the repository, for messages. */
  readonly file: string;
  /** Local path of the complete blob; its name is the checksum. */
  readonly blob: string;
  readonly size: number;
  /** Told how many bytes are there. */
  readonly onBytes: (bytes: number) => void;
}

/** Between looks at a download of another process. */
const look = 250;

/**
 * Makes sure that a blob is there: waits for another process that fetches it, takes up what is left of an earlier download, fetches
 * the rest by range, checks length and checksum, renames. On an error or an abort what has arrived stays for the next time.
 *
 * @throws {HubError} `CORRUPT` where the bytes are not those the Hub lists, `READ_FAILED` where the connection keeps breaking,
 *   `WRITE_FAILED` for the disk.
 */
export async function downloadBlob(connection: HubConnection, request: BlobRequest): Promise<void> {
  const { blob, size, file } = request;
  for (;;) {
    connection.signal?.throwIfAborted();
    if (await hasSize(blob, size)) return request.onBytes(size);
    const partial = await onDisk(blob, () => PartialFile.claim(blob, size));
    if (!partial) {
      await sleep(look);
      continue;
    }
    try {
      const resumed = partial.length > 0;
      await fill(connection, request, partial);
      if (!partial.isComplete() && resumed) {
        await partial.restart();
        await fill(connection, request, partial);
      }
      if (!partial.isComplete()) {
        await partial.restart();
        throw corrupt(connection, file, "the bytes that arrive do not have the checksum the Hub lists");
      }
      return await onDisk(blob, () => partial.finish());
    } finally {
      await partial.release();
    }
  }
}

/** Fetches until all bytes are there; tries are counted anew whenever some arrive. */
async function fill(connection: HubConnection, request: BlobRequest, partial: PartialFile): Promise<void> {
  const { size, file } = request;
  for (let attempt = 1; partial.length < size; attempt++) {
    const before = partial.length;
    const broken = await fetchRest(connection, request, partial);
    if (partial.length === size) break;
    if (partial.length > before) attempt = 1;
    if (attempt >= connection.patience.attempts) {
      throw new HubError(
        "READ_FAILED",
        `${connection.subject.page}/${file}: the connection broke after ${partial.length} of ${size} bytes, again and again; run the command again to go on from there`,
        { cause: broken },
      );
    }
    await connection.pause(attempt, file, 0, `the connection broke at ${partial.length} of ${size} bytes`);
  }
  request.onBytes(partial.length);
}

/** Fetches from where `partial` ends; gives what broke the connection, or undefined if it ended by itself. */
async function fetchRest(
  connection: HubConnection,
  { url, file, size, blob, onBytes }: BlobRequest,
  partial: PartialFile,
): Promise<unknown> {
  const start = partial.length;
  const headers = { "accept-encoding": "identity", ...(start > 0 ? { range: `bytes=${start}-` } : {}) };
  const response = await connection.get(url, headers, file, [416]);
  const total = totalOf(response, start);
  if (response.status === 416 || (start > 0 && response.status === 200)) await partial.restart();
  if (response.status === 416) return response.body?.cancel();
  if (total !== undefined && total !== size) {
    await response.body?.cancel();
    throw corrupt(connection, file, `the server offers ${total} bytes where the Hub lists ${size}`);
  }
  const reader = response.body!.getReader();
  try {
    for (;;) {
      const { done, value } = await beforeSilence(reader.read(), connection);
      if (done) return undefined;
      if (partial.length + value.length > size) {
        await partial.restart();
        throw corrupt(connection, file, `more than the ${size} bytes the Hub lists arrive`);
      }
      await onDisk(blob, () => partial.append(value));
      onBytes(partial.length);
    }
  } catch (error) {
    connection.signal?.throwIfAborted();
    if (error instanceof HubError) throw error;
    return error;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The size of the whole file that an answer tells, if it does. */
function totalOf(response: Response, start: number): number | undefined {
  if (response.status === 206) {
    const [, first, total] =
      /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
    return Number(first) === start ? Number(total) : Number.NaN;
  }
  const length = response.headers.get("content-length");
  return length === null || response.headers.get("content-encoding") ? undefined : Number(length);
}

/** Rejects if the server says nothing for too long. */
async function beforeSilence<T>(reading: Promise<T>, { patience }: HubConnection): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`nothing arrived for ${patience.silence} ms`)),
      patience.silence,
    );
  });
  try {
    return await Promise.race([reading, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs what touches the disk; failures of the system become errors that name the folder. */
async function onDisk<T>(blob: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const hint =
      errorCode(cause) === "ENOSPC" ? "the disk is full; make room or set HF_HUB_CACHE" : "set HF_HUB_CACHE";
    throw new HubError("WRITE_FAILED", `${blob}: cannot be written (${errorCode(cause)}); ${hint}`, {
      cause,
    });
  }
}

export const hasSize = async (path: string, size: number): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.size === size;

const corrupt = ({ subject }: HubConnection, file: string, why: string): HubError =>
  new HubError(
    "CORRUPT",
    `${subject.page}/${file}: ${why}; run the command again, and if it stays so, check HF_ENDPOINT and proxies`,
  );
