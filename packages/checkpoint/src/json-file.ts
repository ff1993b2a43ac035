import { join } from "node:path";
import { type ByteSource, fileSource, HubError } from "@denoise-rotator/hub";
import { CheckpointError } from "./errors.js";

/** How files of a checkpoint are opened; tests and other stores replace it. */
export type OpenSource = (path: string) => Promise<ByteSource>;

/** Opens `file` of `directory`; undefined if there is none. */
export async function openIfPresent(
  directory: string,
  file: string,
  openSource: OpenSource = fileSource,
): Promise<ByteSource | undefined> {
  try {
    return await openSource(join(directory, file));
  } catch (error) {
    if (error instanceof HubError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** The object in a JSON file of at most `maxBytes` bytes. Closes the source. */
export async function readJsonObject(source: ByteSource, maxBytes: number): Promise<Record<string, unknown>> {
  return parseJsonObject(source.name, await readWhole(source, maxBytes));
}

/** A text file of at most `maxBytes` bytes. Closes the source. */
export async function readText(source: ByteSource, maxBytes: number): Promise<string> {
  return new TextDecoder().decode(await readWhole(source, maxBytes));
}

async function readWhole(source: ByteSource, maxBytes: number): Promise<Uint8Array> {
  try {
    const size = await source.size();
    if (size > maxBytes) {
      throw new CheckpointError("LIMIT", `${source.name}: ${size} bytes, the limit is ${maxBytes}`);
    }
    return await source.read(0, size);
  } finally {
    await source.close();
  }
}

function parseJsonObject(file: string, bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointError("MALFORMED", `${file}: is not valid JSON; is it damaged or incomplete?`, {
      cause,
    });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new CheckpointError("MALFORMED", `${file}: must hold a JSON object`);
}
