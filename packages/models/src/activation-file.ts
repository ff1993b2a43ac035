import { CheckpointError, createSafetensors, openSafetensors } from "@denoise-rotator/checkpoint";
import { fileSource } from "@denoise-rotator/hub";
import type { ActivationDType } from "./activation-storage.js";

const tensorName = "hidden_states";
const batchKey = "batch_windows";

/** Windows, tokens of a window, hidden size, and windows of a batch. */
interface BatchedShape {
  readonly count: number;
  readonly length: number;
  readonly width: number;
  readonly batchWindows: number;
}

/**
 * Writes activations to a safetensors file, as one tensor `hidden_states` `[count, length, width]`, batch by batch. The
 * file appears whole, flushed to the disk, or not at all.
 */
export async function writeActivations(
  path: string,
  { count, length, width, batchWindows }: BatchedShape,
  dtype: ActivationDType,
  read: (batch: number) => Float32Array,
): Promise<void> {
  const entry = { name: tensorName, dtype, shape: [count, length, width] };
  const metadata = { [batchKey]: String(batchWindows) };
  await using writer = await createSafetensors(path, [entry], { metadata });
  for (let first = 0; first < count; first += batchWindows) {
    await writer.writeRows(tensorName, first, read(first / batchWindows));
  }
  await writer.finish();
}

/** Activations of a file, batch by batch. */
export interface ActivationFile extends AsyncDisposable {
  readonly shape: BatchedShape;
  read(batch: number): Promise<Float32Array>;
}

/** Opens what {@link writeActivations} wrote. @throws {CheckpointError} naming the file where it holds something else. */
export async function openActivations(path: string): Promise<ActivationFile> {
  const source = await fileSource(path);
  const file = await openSafetensors(source).catch(async (error) => {
    await source.close();
    throw error;
  });
  const dims = file.tensors.get(tensorName)?.shape;
  const batchWindows = Number(file.metadata.get(batchKey));
  if (dims?.length !== 3 || !Number.isSafeInteger(batchWindows) || batchWindows < 1) {
    await file.close();
    throw new CheckpointError("MALFORMED", `${path}: holds no activations`);
  }
  const [count, length, width] = dims as [number, number, number];
  return {
    shape: { count, length, width, batchWindows },
    read: (batch) => {
      const first = batch * batchWindows;
      return file.readRows(tensorName, first, Math.min(count, first + batchWindows));
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
