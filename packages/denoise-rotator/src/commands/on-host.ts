import type { Model } from "@denoise-rotator/models";
import { openBackend } from "../pipeline/backends.js";
import { fetchOptions } from "../pipeline/fetch-options.js";
import { openNamedModel } from "../pipeline/named-model.js";
import { interruptible } from "./interrupt.js";
import { createProgress } from "./progress.js";

/** Opens a named model for commands that only read and copy it, showing the progress of a download. */
export async function withModelOnHost(
  name: string,
  json: boolean | undefined,
  use: (model: Model, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const progress = createProgress(json ?? false);
  const { signal, restore } = interruptible();
  const device = await openBackend("cpu");
  try {
    const fetching = fetchOptions({ onProgress: progress.update, onNotice: progress.note, signal });
    await using model = await openNamedModel(name, device, fetching);
    progress.stop();
    await use(model, signal);
  } finally {
    progress.stop();
    restore();
    await device.dispose();
  }
}
