import type { Checkpoint } from "@denoise-rotator/checkpoint";

/**
 * Has the system read tensors ahead while others are worked on. That saves time and nothing else depends on it: what fails
 * here is left to the read that follows.
 */
export class ReadAhead implements AsyncDisposable {
  readonly #checkpoint: Checkpoint;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(checkpoint: Checkpoint) {
    this.#checkpoint = checkpoint;
  }

  /** Goes on to these tensors, one after the other, and gives up those before. */
  start(names: readonly string[]): void {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#running = this.#running.then(() => this.#read(names, signal));
  }

  /** Stops, and waits until nothing is read any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #read(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      if (signal.aborted) return;
      try {
        await this.#checkpoint.prefetch?.(name, signal);
      } catch {
        // Whoever reads the tensor is told.
      }
    }
  }
}
