import { OutOfMemoryError } from "@denoise-rotator/core";
import type { Model } from "../model.js";
import { blockTensors, outerTensors, type TensorNeed } from "../tensor-layout.js";
import { promptChunk } from "./sequence.js";

/** Bytes that generating takes on the device. */
export interface MemoryNeed {
  /** All blocks and the head, in f32 but for 2:4 weights that stay packed. */
  readonly weights: number;
  /** Keys and values of all blocks for the tokens of a sequence, in f32. */
  readonly cache: number;
  /** Activations of a chunk of the prompt in one block, about. */
  readonly work: number;
  readonly total: number;
  /** The largest tensor of `weights`. */
  readonly largest: number;
}

/** Bytes of a tensor in f32; of what is stored packed as 2:4 and stays so half the values, and two bits a value. */
function bytesOf({ checkpoint, sparse }: Model, { name, shape }: TensorNeed): number {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const pattern = sparse ? checkpoint.packing?.(name) : undefined;
  const packed = pattern?.keep === 2 && pattern.of === 4 && shape.at(-1)! % 8 === 0;
  if (!packed) return 4 * size;
  return (checkpoint.dtype(name) === "bf16" ? 9 / 8 : 17 / 8) * size;
}

/**
 * What generating with room for `capacity` tokens takes, from the headers alone; plain weights that turn out to be 2:4 take
 * less than it says.
 */
export function memoryNeed(model: Model, capacity: number): MemoryNeed {
  const { config, family } = model;
  const { hiddenSize, intermediateSize, layerCount, keyValueHeadCount, headCount, headDim } = config;
  const blocks = Array.from({ length: layerCount }, (_, index) => blockTensors(config, family, index)).flat();
  // The embedding stays in its file unless it is the head too; either matrix has the same size.
  const head = outerTensors(config, family, true);
  const sizes = [...blocks, ...head].map((need) => bytesOf(model, need));
  const weights = sizes.reduce((sum, size) => sum + size, 0);
  const cache = 4 * layerCount * 2 * keyValueHeadCount * headDim * capacity;
  const tokens = Math.min(promptChunk, capacity);
  const work =
    4 * tokens * (5 * hiddenSize + 3 * intermediateSize + 4 * headCount * headDim) +
    8 * config.vocabularySize;
  return { weights, cache, work, total: weights + cache + work, largest: Math.max(...sizes) };
}

/**
 * Checks before anything is loaded that the device, and for backends that compute in the process the host, has the memory.
 *
 * @throws OutOfMemoryError saying how much it takes and how much there is.
 */
export function checkMemory(model: Model, capacity: number, available = hostMemory()): MemoryNeed {
  const need = memoryNeed(model, capacity);
  const { capabilities, name, readSync } = model.device;
  const limits = [
    {
      what: `all that the ${name} backend can hold`,
      bytes: (capabilities.maxBytes ?? Number.POSITIVE_INFINITY) - capabilities.allocatedBytes(),
    },
    { what: "free in this machine", bytes: readSync ? available : Number.POSITIVE_INFINITY },
  ];
  for (const { what, bytes } of limits) {
    if (need.total <= bytes) continue;
    throw new OutOfMemoryError(
      `${model.name}: generating keeps all weights in memory: ${megabytes(need.weights)} for them, ` +
        `${megabytes(need.cache)} for keys and values of ${capacity} tokens, ${megabytes(need.work)} to compute in; ` +
        `${megabytes(bytes)} is ${what}. Take a smaller model, fewer tokens, or eval, which streams block by block`,
    );
  }
  if (need.largest > capabilities.maxBufferBytes) {
    throw new OutOfMemoryError(
      `${model.name}: its largest matrix takes ${megabytes(need.largest)} in float32, ` +
        `the ${name} backend holds ${megabytes(capabilities.maxBufferBytes)} in one; take another backend`,
    );
  }
  return need;
}

const hostMemory = (): number => process.availableMemory();

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
