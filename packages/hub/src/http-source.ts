import { type ByteSource, checkRange, closedError } from "./byte-source.js";
import { HubError } from "./errors.js";

export interface HttpSourceOptions {
  /** Sent with every request, e.g. `authorization`. */
  headers?: Readonly<Record<string, string>>;
  /** Aborts running and later requests. */
  signal?: AbortSignal;
}

/** `bytes first-last/total`, the answer to a range request. */
const contentRange = /^bytes (\d+)-(\d+)\/(\d+)$/;

/**
 * A source over an address whose server answers range requests (RFC 9110, 206 Partial Content).
 * One request per read; an answer of another range, length or total size is an error, and never more than the
 * bytes asked for are kept.
 */
export function httpSource(url: string | URL, options: HttpSourceOptions = {}): ByteSource {
  const name = String(url);
  let total: number | undefined;
  let closed = false;

  async function range(first: number, last: number): Promise<{ response: Response; total: number }> {
    const response = await request(first, last);
    const match = contentRange.exec(response.headers.get("content-range") ?? "");
    if (!match || Number(match[1]) !== first || Number(match[2]) !== last) {
      await response.body?.cancel();
      throw new HubError(
        "READ_FAILED",
        `${name}: asked for bytes ${first}-${last}, got "${response.headers.get("content-range") ?? "no range"}"`,
      );
    }
    return { response, total: Number(match[3]) };
  }

  async function request(first: number, last: number): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(url, {
        headers: { ...options.headers, range: `bytes=${first}-${last}`, "accept-encoding": "identity" },
        ...(options.signal && { signal: options.signal }),
      });
    } catch (cause) {
      throw new HubError("READ_FAILED", `${name}: no answer; check the address and the network`, { cause });
    }
    if (response.status === 206) return response;
    await response.body?.cancel();
    if (response.status === 404) throw new HubError("NOT_FOUND", `${name}: not found (404)`);
    if (response.ok) {
      throw new HubError(
        "NO_RANGE_SUPPORT",
        `${name}: the server ignores range requests; download the file and open it from disk`,
      );
    }
    throw new HubError("READ_FAILED", `${name}: the server answered ${response.status}`);
  }

  async function size(): Promise<number> {
    if (closed) throw closedError(name);
    if (total === undefined) {
      const first = await range(0, 0);
      await first.response.body?.cancel();
      total = first.total;
    }
    return total;
  }

  return {
    name,
    size,
    async read(offset, length) {
      checkRange(name, await size(), offset, length);
      if (length === 0) return new Uint8Array(0);
      const answer = await range(offset, offset + length - 1);
      if (answer.total !== total) {
        await answer.response.body?.cancel();
        throw new HubError(
          "SOURCE_CHANGED",
          `${name}: its size changed from ${total} to ${answer.total} bytes`,
        );
      }
      return readExactly(name, answer.response, length);
    },
    async close() {
      closed = true;
    },
  };
}

async function readExactly(
  name: string,
  response: Response,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  const reader = response.body!.getReader();
  let filled = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > length) break;
      bytes.set(value, filled);
      filled += value.length;
    }
  } catch (cause) {
    throw new HubError("READ_FAILED", `${name}: the connection broke after ${filled} of ${length} bytes`, {
      cause,
    });
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (filled !== length) {
    throw new HubError("READ_FAILED", `${name}: got another number of bytes than the ${length} asked for`);
  }
  return bytes;
}
