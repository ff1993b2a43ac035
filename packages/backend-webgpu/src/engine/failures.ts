import { OutOfMemoryError } from "@denoise-rotator/core";
import { DeviceError, DeviceLostError } from "../errors.js";

/** Popped in reverse. */
const filters: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

/**
 * What went wrong on the device. Errors arrive later than the commands that made them: they are kept, and every read
 * enqueued before the first report of one rejects with it.
 */
export class Failures {
  readonly #device: GPUDevice;
  readonly #pending = new Set<Promise<void>>();
  readonly #errors: Error[] = [];
  #reported = 0;
  #lost: DeviceLostError | undefined;
  #closing = false;

  constructor(device: GPUDevice) {
    this.#device = device;
    device.lost.then(({ reason, message }) => {
      if (this.#closing) return;
      this.#lost = new DeviceLostError(`${reason}: ${message || "no message"}`);
    });
    device.onuncapturederror = (event) => {
      event.preventDefault?.();
      this.#errors.push(translate(event.error, "an operation"));
    };
  }

  get lost(): DeviceLostError | undefined {
    return this.#lost;
  }

  /** From here on the loss of the device is meant. */
  close(): void {
    this.#closing = true;
    this.#device.onuncapturederror = null;
  }

  open(): void {
    for (const filter of filters) this.#device.pushErrorScope(filter);
  }

  /** Closes what `open` opened; `what` names the operations inside, `onError` hears of theirs before any read does. */
  shut(what: () => string, onError?: (error: Error) => void): void {
    const scopes = filters.map(() => this.#device.popErrorScope());
    const done = Promise.all(scopes).then(
      ([internal, memory, validation]) => {
        // Out of memory first: what is invalid afterwards follows from it.
        const found = memory ?? validation ?? internal;
        if (!found) return;
        const error = translate(found, what());
        this.#errors.push(error);
        onError?.(error);
      },
      // A lost device has no scopes.
      () => {},
    );
    this.#pending.add(done);
    void done.finally(() => this.#pending.delete(done));
  }

  /** To be taken when a read is enqueued; awaiting it throws what failed before, unless it was reported by then. */
  checkpoint(): () => Promise<void> {
    const reported = this.#reported;
    const pending = [...this.#pending];
    return async () => {
      await Promise.all(pending);
      if (this.#lost) throw this.#lost;
      const error = this.#errors[reported];
      if (!error) return;
      this.#reported = this.#errors.length;
      throw error;
    };
  }
}

function translate(error: GPUError, what: string): Error {
  const message = error.message.trim();
  if (error.constructor.name === "GPUOutOfMemoryError") {
    return new OutOfMemoryError(
      `the WebGPU device is out of memory in ${what}: ${message}; work in smaller pieces or dispose of tensors earlier`,
    );
  }
  return new DeviceError(`the WebGPU device refused ${what}: ${message}`);
}
