import { readFileSync, writeFileSync } from "node:fs";
import type { Dense } from "@denoise-rotator/bench";
import type { ArrayFile } from "./protocol.js";

export function writeArray(path: string, { shape, data }: Dense): ArrayFile {
  writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { path, shape };
}

export function readArray({ path, shape }: ArrayFile): Dense {
  const bytes = readFileSync(path);
  // A fresh buffer: Node's may start anywhere in a pool.
  const data = new Float32Array(bytes.byteLength / 4);
  new Uint8Array(data.buffer).set(bytes);
  return { shape, data };
}
