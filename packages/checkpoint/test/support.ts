import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteSource, memorySource } from "@denoise-rotator/hub";
import { afterAll } from "vitest";

/** A folder that is gone after the file's tests. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Bytes of a safetensors file with any header, also one that lies, and `dataBytes` bytes of data. */
export function rawFile(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  for (let i = 0; i < dataBytes; i++) bytes[8 + json.length + i] = (i * 7) % 64;
  return bytes;
}

/** A source that notes every range read. */
export function countingSource(bytes: Uint8Array, name = "file"): ByteSource & { reads: [number, number][] } {
  const inner = memorySource(bytes, name);
  const reads: [number, number][] = [];
  return {
    ...inner,
    reads,
    read(offset, length) {
      reads.push([offset, length]);
      return inner.read(offset, length);
    },
  };
}
